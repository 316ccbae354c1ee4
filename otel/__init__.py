"""Traces, metrics, logs and error reports for a FastAPI service in two calls: `configure`, `instrument`.

    import otel
    telemetry = otel.configure(otel.TelemetryConfig.from_env())
    otel.instrument(app)

Importing this package starts nothing and imports no SDK; names are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from otel.config.settings import ConfigError, EnvSettings, Setting, TelemetryConfig, settings
    from otel.context import breadcrumb, current_request, process_breadcrumb, set_tag, set_user
    from otel.decorators import logged, traced
    from otel.http.errors import render_problem
    from otel.libraries.query_table import QueryCost
    from otel.logs.levels import LevelOverride
    from otel.logs.logger import get_logger, level_overrides, reset_level, set_level
    from otel.metrics.catalogue import (
        ANY_BOUNDED,
        AnyText,
        Catalogue,
        Counter,
        External,
        Gauge,
        Histogram,
        IntegerRange,
        UpDownCounter,
    )
    from otel.metrics.family import Buckets, MetricFamily
    from otel.redaction.engine import redact
    from otel.setup import active, configure, instrument
    from otel.telemetry import Telemetry

_HOME = {
    "ANY_BOUNDED": "metrics.catalogue",
    "AnyText": "metrics.catalogue",
    "Buckets": "metrics.family",
    "Catalogue": "metrics.catalogue",
    "ConfigError": "config.env_settings",
    "Counter": "metrics.catalogue",
    "EnvSettings": "config.env_settings",
    "External": "metrics.catalogue",
    "Gauge": "metrics.catalogue",
    "Histogram": "metrics.catalogue",
    "IntegerRange": "metrics.catalogue",
    "LevelOverride": "logs.levels",
    "MetricFamily": "metrics.family",
    "QueryCost": "libraries.query_table",
    "Setting": "config.env_settings",
    "Telemetry": "telemetry",
    "TelemetryConfig": "config.settings",
    "UpDownCounter": "metrics.catalogue",
    "active": "setup",
    "breadcrumb": "context",
    "configure": "setup",
    "current_request": "context",
    "get_logger": "logs.logger",
    "instrument": "setup",
    "level_overrides": "logs.logger",
    "logged": "decorators",
    "process_breadcrumb": "context",
    "redact": "redaction.engine",
    "render_problem": "http.errors",
    "reset_level": "logs.logger",
    "set_level": "logs.logger",
    "set_tag": "context",
    "set_user": "context",
    "settings": "config.settings",
    "traced": "decorators",
}


def __getattr__(name: str) -> object:
    """Loads a public name from its module on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'otel' has no attribute {name!r}")
    value: object = getattr(import_module(f"otel.{_HOME[name]}"), name)
    globals()[name] = value
    return value


__all__ = [
    "ANY_BOUNDED",
    "AnyText",
    "Buckets",
    "Catalogue",
    "ConfigError",
    "Counter",
    "EnvSettings",
    "External",
    "Gauge",
    "Histogram",
    "IntegerRange",
    "LevelOverride",
    "MetricFamily",
    "QueryCost",
    "Setting",
    "Telemetry",
    "TelemetryConfig",
    "UpDownCounter",
    "active",
    "breadcrumb",
    "configure",
    "current_request",
    "get_logger",
    "instrument",
    "level_overrides",
    "logged",
    "process_breadcrumb",
    "redact",
    "render_problem",
    "reset_level",
    "set_level",
    "set_tag",
    "set_user",
    "settings",
    "traced",
]
