"""Export by OTLP: queues, encoding, redaction and the count of what was lost."""
