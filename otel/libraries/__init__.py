"""Instrumentation of client libraries: MongoDB, Redis, httpx."""
