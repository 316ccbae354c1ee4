"""The end of the telemetry, bounded whatever the collector does, and its second life in a forked child."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from otel.export.accounting import SignalView
from otel.metrics.readers import ExportReader

_log = logging.getLogger(__name__)

Task = Callable[[float], bool]
"""Takes the seconds that it may use and tells whether it finished its work."""


@dataclass(frozen=True, slots=True)
class ShutdownReport:
    """How the telemetry ended: seconds it took, which signals got everything out, and their accounts."""

    seconds: float
    finished: Mapping[str, bool]
    accounts: Mapping[str, SignalView]

    @property
    def complete(self) -> bool:
        """Whether every signal got everything out in time."""
        return all(self.finished.values())


def run_bounded(tasks: Mapping[str, Task], seconds: float) -> dict[str, bool]:
    """Runs all tasks at once, for `seconds` at most; False for one that failed or did not return in time.

    A task that hangs keeps a daemon thread, which does not hold up the end of the process.
    """
    results: dict[str, bool] = {}
    threads = [
        threading.Thread(
            target=_run, args=(name, task, seconds, results), name=f"otel-end-{name}", daemon=True
        )
        for name, task in tasks.items()
    ]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    return {name: results.get(name, False) for name in tasks}


def _run(name: str, task: Task, seconds: float, results: dict[str, bool]) -> None:
    try:
        results[name] = task(seconds)
    except Exception as error:  # noqa: BLE001 - one signal's failure must not cost the others theirs
        _log.warning("%s did not end cleanly: %s", name, error)
        results[name] = False


def after_fork(callback: Callable[[], None]) -> None:
    """Calls a bound method in every forked child, for as long as its object lives."""
    weak = weakref.WeakMethod(callback)

    def call() -> None:
        if method := weak():
            method()

    os.register_at_fork(after_in_child=call)


def renew_sdk_after_fork(
    meters: MeterProvider,
    tracers: TracerProvider,
    loggers: LoggerProvider,
    readers: list[MetricReader],
    resource: Resource,
) -> None:
    """Makes the SDK's providers the child's own: nothing counted yet, the child's resource.

    The SDK itself (1.45.2) keeps the parent's sums, which both processes would then export
    (opentelemetry-python#3885), and replaces `service.instance.id` by a random one. It offers no public
    way for either.
    """
    consumer = meters._measurement_consumer  # noqa: SLF001 - see above
    consumer._lock = threading.Lock()  # noqa: SLF001 - the parent may have held it at the fork
    for reader in readers:
        if isinstance(reader, ExportReader):
            reader.restart_after_fork()
        consumer.add_metric_reader(reader)
    for provider in (meters, tracers, loggers):
        provider._update_resource(resource)  # noqa: SLF001 - see above
