"""Structured logs: from the call to a line on stdout and an OTLP record."""
