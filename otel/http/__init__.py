"""Instrumentation of a FastAPI application's HTTP and WebSocket requests."""
