"""Telemetry for tests: the real pipeline, with its output kept in memory instead of exported."""

from otel.testing.capture import Captured, capture_telemetry

__all__ = ["Captured", "capture_telemetry"]
