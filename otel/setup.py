"""The two calls a service makes: `configure` starts the telemetry, `instrument` wraps an app with it.

Only the composition root imports this module. It opts in to the stable semantic conventions
(OTEL_SEMCONV_STABILITY_OPT_IN=http,database) and enables the SDK's metrics about itself
(OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED), unless the environment says otherwise. Both must happen before any
instrumentation library is imported, so those imports are inside functions.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
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

    `config` defaults to the environment, `catalogue` adds the service's own metrics. Create database clients
    after this call. Queued telemetry is flushed when the process exits, within TELEMETRY_SHUTDOWN_SECONDS.
    `memory` is for `otel.testing`.

    Raises:
        ConfigError: A setting is invalid; the message names it.
        RuntimeError: Telemetry is already configured and not shut down, or another global provider is set.
        ValueError: Two catalogues declare the same metric.
    """
    global _active  # noqa: PLW0603 - the API's providers are global as well
    if _active is not None and not _active.is_shut_down:
        raise RuntimeError("otel.configure was already called: call it once per process")
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
    """Wraps `app` and all its middleware with telemetry; call it before the app starts serving.

    The app's responses do not change. `render_error(scope, error)` makes the response to an unhandled error
    if the app has no handler for `Exception`; the error is then not raised to the server. Event-loop lag is
    measured while the app runs, and queued telemetry is flushed when it shuts down.

    Raises:
        RuntimeError: The app is already instrumented or already serving.
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
            capture(error, None)  # it belongs to no request, so nothing else reports it
            raise
        finally:
            watch.stop()
            await asyncio.to_thread(flush_early)

    app.router.lifespan_context = lifespan


def _without_telemetry(config: TelemetryConfig) -> TelemetryConfig:
    """OTEL_SDK_DISABLED: turns off everything but the log on stdout."""
    return config.model_copy(
        update={
            "traces_exporter": "none",
            "metrics_exporter": "none",
            "logs_exporter": "none",
            "sampler": "always_off",
            "sentry_dsn": "",
            "prometheus": False,
            "runtime_metrics": False,
        }
    )
