"""Telemetry for tests: the real pipeline, kept in memory instead of exported."""

from otel.testing.capture import Captured, capture_telemetry

__all__ = ["Captured", "capture_telemetry"]
