"""Structured logs: from a call to a line on stdout and a record by OTLP."""
