"""OTLP export: queues, encoding, redaction and loss accounting."""
