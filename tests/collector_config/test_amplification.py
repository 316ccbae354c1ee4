"""A batch that is small on the wire and many times larger in Loki, which adds the resource to each line."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.collector_config import collector, stores

LINES = 20_000
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def _request(now: int) -> bytes:
    """Returns short records of one resource with forty attributes: 0.7 MB, about 85 MB in Loki."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    long = {f"process.attribute.{number}": "x" * 100 for number in range(40)}
    for key, text in {"service.name": "wide", "service.instance.id": "one", **long}.items():
        group.resource.attributes.append(KeyValue(key=key, value=AnyValue(string_value=text)))
    records = group.scope_logs.add().log_records
    for number in range(LINES):
        body = AnyValue(string_value=f"line {number}")
        records.add(time_unix_nano=now + number * 1000, severity_number=9, body=body)
    return request.SerializeToString()


def test_everything_is_stored_and_process_identity_is_kept(tmp_path: Path) -> None:
    now = time.time_ns()
    loki = stores.loki()
    with collector.running(["base.yaml", "loki.yaml"], tmp_path, LOKI_URL=loki) as running:
        assert running.post("logs", _request(now), PROTOBUF).status_code == 200
        running.wait_for_metric("otelcol_exporter_sent_log_records_total", LINES, exporter="otlp_http/loki")
        count = {"query": 'sum(count_over_time({service_name="wide"}[1h]))', "time": str(now + 60 * 10**9)}
        answer = httpx.get(f"{loki}/loki/api/v1/query", params=count, timeout=30).json()
        assert [each["value"][1] for each in answer["data"]["result"]] == [str(LINES)]
        one = {"query": '{service_name="wide"}', "limit": "1", "start": str(now), "end": str(now + 10**10)}
        (stream,) = httpx.get(f"{loki}/loki/api/v1/query_range", params=one, timeout=30).json()["data"][
            "result"
        ]
        assert stream["stream"]["service_instance_id"] == "one"
        assert not [key for key in stream["stream"] if key.startswith("process")]
        assert running.metric("otelcol_exporter_send_failed_log_records_total") == 0
