"""Metrics of the queues, with the names and attributes of the SDK's own processors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.metrics import Observation
from opentelemetry.semconv._incubating.attributes import otel_attributes as names
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from otel.export.batch import BatchQueue
from otel.metrics.sdk import PROCESSED, QUEUE_CAPACITY, QUEUE_SIZE


def observe_queue(signal: str, queue: BatchQueue[Any]) -> Callable[[], None]:
    """Reports the queue's size, capacity and losses at every collection; returns the undo."""
    kind = {"traces": "batching_span_processor", "logs": "batching_log_processor"}[signal]
    component = {names.OTEL_COMPONENT_TYPE: kind, names.OTEL_COMPONENT_NAME: f"{kind}/0"}

    def processed() -> Iterable[Observation]:
        view = queue.account.view()
        lost = {reason: count for reason, count in view["dropped"].items() if reason != "export_failed"}
        yield Observation(view["exported"] + view["dropped"].get("export_failed", 0), component)
        for reason, count in lost.items():
            yield Observation(count, {**component, ERROR_TYPE: reason})

    undo = [
        QUEUE_SIZE[signal].observe(lambda: [Observation(queue.waiting(), component)]),
        QUEUE_CAPACITY[signal].observe(lambda: [Observation(queue.capacity, component)]),
        PROCESSED[signal].observe(processed),
    ]

    def stop() -> None:
        for each in undo:
            each()

    return stop
