"""Filters the SDK's metric data, point by point, to what OTLP and the Prometheus text can carry.

Names, texts and attributes are cleaned before they reach the SDK (`otel.metrics.guarded_meters`), but its
results may not fit: a sum of 64-bit integers may need more bits, a sum of floats may be infinite.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics.export import Metric, MetricsData, NumberDataPoint

from otel.encodable import INTEGER_END
from otel.metrics.self import count_unencodable


def sendable(data: MetricsData) -> MetricsData:
    """Returns the data without the points that cannot be sent; counts every point dropped or changed."""
    return MetricsData(
        [
            replace(
                resource,
                scope_metrics=[
                    replace(scope, metrics=[_metric(metric) for metric in scope.metrics])
                    for scope in resource.scope_metrics
                ],
            )
            for resource in data.resource_metrics
        ]
    )


def sendable_number(value: float) -> float:
    """Converts a sum that exceeds OTLP's integers to a float, and counts that."""
    if type(value) is float or -INTEGER_END <= value < INTEGER_END:
        return value
    count_unencodable("integer_over_64_bits")
    return float(value)


def _metric(metric: Metric) -> Metric:
    points = [point for each in metric.data.data_points if (point := _sendable_point(each)) is not None]
    data: Any = metric.data  # each kind of data has points of its own kind
    return replace(metric, data=replace(data, data_points=points))


def _sendable_point(point: Any) -> Any:  # noqa: ANN401 - as above
    try:
        return _point(point)
    except Exception:  # noqa: BLE001 - an unexpected kind of point costs only itself
        count_unencodable("failed")
        return None


def _point(point: Any) -> Any:  # noqa: ANN401 - as in `_metric`
    value = point.value if isinstance(point, NumberDataPoint) else point.sum
    if not math.isfinite(value):
        count_unencodable("not_finite")
        return None
    changes: dict[str, object] = {}
    if isinstance(point, NumberDataPoint) and sendable_number(value) is not value:
        changes["value"] = float(value)
    start = point.start_time_unix_nano
    if start is not None and point.time_unix_nano < start:  # the clock was set back
        changes["time_unix_nano"] = start
    return replace(point, **changes) if changes else point
