"""The two calls of a service: `configure` starts the telemetry, `instrument` puts it around an app.

Only the composition root imports this module. It asks for the stable semantic conventions
(OTEL_SEMCONV_STABILITY_OPT_IN=http,database) and switches the SDK's metrics about itself on
(OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED), unless the environment says otherwise, before any
instrumentation library is imported: that is why those imports stand inside functions.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from otel.config.semconv_opt_in import opt_in_to_stable
from otel.config.settings import TelemetryConfig
from otel.ends import end_with_process, flush_early
from otel.errors.reports import capture
from otel.metrics.catalogue import Catalogue
from otel.metrics.event_loop import LoopWatch
from otel.redaction.engine import Redactor

if TYPE_CHECKING:
    from fastapi import FastAPI

    from otel.http.app import RenderError
    from otel.telemetry import Telemetry
    from otel.testing.sinks import MemorySinks

_active: Telemetry | None = None


def configure(
    config: TelemetryConfig | None = None,
    *,
    catalogue: Catalogue | Iterable[Catalogue] = (),
    memory: MemorySinks | None = None,
) -> Telemetry:
    """Starts traces, metrics, logs and error reports, and instruments MongoDB, Redis and httpx.

    `config` defaults to the environment, `catalogue` adds the service's own metrics. Make database clients
    after this call, not before. What waits is sent at the end of the process, within
    TELEMETRY_SHUTDOWN_SECONDS. `memory` is for `otel.testing`.

    Raises:
        ConfigError: A setting is wrong; the message names it.
        RuntimeError: It was called before and `shutdown` was not, or another global provider is set.
        ValueError: Two catalogues declare the same metric.
    """
    global _active  # noqa: PLW0603 - the API's providers are global as well
    if _active is not None and not _active.is_shut_down:
        raise RuntimeError("otel.configure was called before: call it once per process")
    os.environ.setdefault("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "true")
    opt_in_to_stable()
    chosen = TelemetryConfig.from_env() if config is None else config
    given = (catalogue,) if isinstance(catalogue, Catalogue) else tuple(catalogue)
    from otel.startup import start  # noqa: PLC0415 - see the module's docstring

    _active = start(_without_telemetry(chosen) if chosen.disabled else chosen, given, memory)
    end_with_process(_active)
    return _active


def active() -> Telemetry | None:
    """Returns the telemetry that runs in this process, if any."""
    return None if _active is None or _active.is_shut_down else _active


def instrument(app: FastAPI, *, render_error: RenderError | None = None) -> None:
    """Puts the telemetry around `app` and all its middleware: call it before the app serves.

    The app's answers stay as they are. `render_error(scope, error)` makes the response of an unhandled error
    where the app has no handler of `Exception`; the error ends there. While the app runs, the event loop's
    lag is measured; when it ends, what waits is sent.

    Raises:
        RuntimeError: The app is instrumented or serving already.
    """
    opt_in_to_stable()
    from otel.http.app import instrument_app  # noqa: PLC0415 - see the module's docstring

    telemetry = active()
    config = telemetry.config if telemetry else TelemetryConfig()
    redactor = telemetry.redactor if telemetry else Redactor()
    instrument_app(app, config=config, redactor=redactor, render_error=render_error)
    _watch_lifespan(app)


def _watch_lifespan(app: FastAPI) -> None:
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(running: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - the framework's own types
        watch = LoopWatch()
        try:
            async with inner(running) as state:
                yield state
        except Exception as error:
            capture(error, None)  # of no request, so nobody else reports it
            raise
        finally:
            watch.stop()
            await asyncio.to_thread(flush_early)

    app.router.lifespan_context = lifespan


def _without_telemetry(config: TelemetryConfig) -> TelemetryConfig:
    """OTEL_SDK_DISABLED: nothing leaves but the log on stdout."""
    return replace(
        config,
        traces_exporter="none",
        metrics_exporter="none",
        logs_exporter="none",
        sampler="always_off",
        sentry_dsn="",
        prometheus=False,
        runtime_metrics=False,
    )
