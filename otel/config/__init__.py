"""Settings: environment variables, OTLP targets, limits."""
