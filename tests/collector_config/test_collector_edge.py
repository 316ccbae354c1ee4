"""What the edge does with bad input: rejects or truncates and counts it; the next good request succeeds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.collector_config import collector, otlp_json
from tests.collector_config.bad_input import BAD, MEBIBYTE, PROTOBUF, TEXT, one_span
from tests.collector_config.chains import CHAINS, with_chain
from tests.collector_config.collector import Collector
from tests.programs import wait_until


def _log(body: str) -> dict[str, Any]:
    record = {"timeUnixNano": "1795500000000000000", "body": {"stringValue": body}}
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}


@pytest.fixture(name="edge", scope="module", params=CHAINS)
def _edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    files = with_chain(request.param, ["base.yaml", "file.yaml"])
    with collector.running(files, tmp_path_factory.mktemp("edge")) as running:
        yield running


@pytest.fixture(autouse=True)
def _still_works(edge: Collector) -> Iterator[None]:
    """After every test a good request is accepted and arrives."""
    yield
    before = edge.metric("otelcol_exporter_sent_spans_total", exporter="file/traces")
    assert edge.send("traces", one_span()).status_code == 200
    edge.wait_for_metric("otelcol_exporter_sent_spans_total", before + 1, exporter="file/traces")


def _answered(edge: Collector, status: int) -> float:
    return edge.metric("http_server_request_duration_seconds_count", http_response_status_code=str(status))


@pytest.mark.parametrize(("body", "headers", "status"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_and_counted(
    edge: Collector, body: bytes, headers: dict[str, str], status: int
) -> None:
    before = _answered(edge, status)
    memory = edge.metric("otelcol_process_memory_rss_bytes")
    response = edge.post("traces", body, headers)
    assert response.status_code == status, response.text
    edge.wait_for_metric(
        "http_server_request_duration_seconds_count", before + 1, http_response_status_code=str(status)
    )
    assert edge.metric("otelcol_process_memory_rss_bytes") < memory + 100 * MEBIBYTE


def test_a_rejection_does_not_reveal_the_token(edge: Collector) -> None:
    response = edge.post("traces", TEXT, {"Authorization": "Bearer planted-token-of-a-stranger"})
    assert "planted" not in response.text
    assert "planted" not in edge.log()
    assert edge.token not in edge.log()


def _last(edge: Collector, signal: str) -> dict[str, Any]:
    return list(otlp_json.items(signal, edge.written(signal)))[-1]


def test_of_a_million_attributes_the_first_ones_are_kept(edge: Collector) -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    span.name = "many attributes"
    for index in range(200_000):
        span.attributes.add(key=f"k{index}").value.int_value = 1
    body = request.SerializeToString()
    assert len(body) < 4 * MEBIBYTE
    before = edge.metric("otelcol_exporter_sent_spans_total", exporter="file/traces")
    assert edge.post("traces", body, PROTOBUF).status_code == 200
    edge.wait_for_metric("otelcol_exporter_sent_spans_total", before + 1, exporter="file/traces")
    kept = next(
        s for s in otlp_json.items("traces", edge.written("traces")) if s["name"] == "many attributes"
    )
    assert [pair["key"] for pair in kept["attributes"]] == [f"k{index}" for index in range(128)]
    assert kept["droppedAttributesCount"] == 200_000 - 128
    request.resource_spans[0].scope_spans[0].spans[0].attributes.extend(
        span.attributes[index % 1000] for index in range(800_000)
    )
    assert edge.post("traces", request.SerializeToString(), PROTOBUF).status_code == 400


def test_what_an_event_or_a_record_has_too_many_of_is_counted_in_it(edge: Collector) -> None:
    many = [{"key": f"k{index}", "value": {"intValue": "1"}} for index in range(200)]
    spans = edge.metric("otelcol_exporter_sent_spans_total", exporter="file/traces")
    records = edge.metric("otelcol_exporter_sent_log_records_total", exporter="file/logs")
    span = one_span(events=[{"name": "many", "attributes": many, "droppedAttributesCount": 3}])
    log = {"timeUnixNano": "1795500000000000000", "body": {"stringValue": "many"}, "attributes": many}
    assert edge.send("traces", span).status_code == 200
    assert edge.send("logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}).status_code == 200
    edge.wait_for_metric("otelcol_exporter_sent_spans_total", spans + 1, exporter="file/traces")
    edge.wait_for_metric("otelcol_exporter_sent_log_records_total", records + 1, exporter="file/logs")
    [event] = _last(edge, "traces")["events"]
    assert (len(event["attributes"]), event["droppedAttributesCount"]) == (64, 3 + 200 - 64)
    record = _last(edge, "logs")
    assert (len(record["attributes"]), record["droppedAttributesCount"]) == (128, 200 - 128)


def test_huge_strings_are_truncated(edge: Collector) -> None:
    huge = "ä" * MEBIBYTE
    span = one_span(
        name=f"huge {huge}",
        attributes=[{"key": "huge", "value": {"stringValue": huge}}],
    )
    sent = edge.metric("otelcol_exporter_sent_spans_total", exporter="file/traces")
    logs = edge.metric("otelcol_exporter_sent_log_records_total", exporter="file/logs")
    assert edge.send("traces", span).status_code == 400, "escaped, this is more than 4 MiB of JSON"
    request = ExportTraceServiceRequest()
    added = request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"h" * 8)
    added.name = f"huge {huge}"
    added.attributes.add(key="huge").value.string_value = huge[:1000] + "anna@example.org" + huge[:100_000]
    assert edge.post("traces", request.SerializeToString(), PROTOBUF).status_code == 200
    records = ExportLogsServiceRequest()
    records.resource_logs.add().scope_logs.add().log_records.add().body.string_value = huge
    assert edge.post("logs", records.SerializeToString(), PROTOBUF).status_code == 200
    edge.wait_for_metric("otelcol_exporter_sent_spans_total", sent + 1, exporter="file/traces")
    edge.wait_for_metric("otelcol_exporter_sent_log_records_total", logs + 1, exporter="file/logs")
    kept = next(s for s in otlp_json.items("traces", edge.written("traces")) if s["name"].startswith("huge"))
    assert len(kept["name"].encode()) == 255  # 256 would split a character
    [text] = [pair["value"]["stringValue"] for pair in kept["attributes"]]
    assert len(text.encode()) <= 16384
    assert "anna" not in text
    assert "****" in text
    assert len(_last(edge, "logs")["body"]["stringValue"].encode()) == 65536


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _field(number: int, size: int) -> bytes:
    """Returns the header of a protobuf field of this many bytes."""
    return _varint(number << 3 | 2) + _varint(size)


def _nested(depth: int) -> bytes:
    """Returns a request with one record, whose body is a list in a list in a list..."""
    heads, size = [], 0
    for field in [
        *(1, 5) * depth,
        5,
        2,
        2,
        1,
    ]:  # values, array_value; body, log_records, scope_logs, resource_logs
        head = _field(field, size)
        heads.append(head)
        size += len(head)
    return b"".join(reversed(heads))


@pytest.mark.parametrize("depth", [2_100, 30_000, 400_000])
def test_a_deeply_nested_body_delays_nothing(edge: Collector, depth: int) -> None:
    """Redaction alone would take minutes for one such request."""
    body = _nested(depth)
    assert len(body) < 4 * MEBIBYTE
    logs = edge.metric("otelcol_exporter_sent_log_records_total", exporter="file/logs")
    started = time.monotonic()
    assert edge.post("logs", body, PROTOBUF).status_code == 200
    assert time.monotonic() - started < 15
    edge.wait_for_metric("otelcol_exporter_sent_log_records_total", logs + 1, exporter="file/logs")
    assert _last(edge, "logs")["body"]["stringValue"] == "****"


def test_a_changed_token_file_is_reloaded(tmp_path: Path) -> None:
    with collector.running(["base.yaml"], tmp_path) as running:
        assert running.send("traces", one_span()).status_code == 200
        (tmp_path / "token").write_text("0123456789abcdef0123456789abcdef\n")
        log = running.log
        wait_until(lambda: log().count("refresh token") > 1, "the token is read again")
        assert running.send("traces", one_span()).status_code == 401
        assert running.post(
            "traces", TEXT, {"Authorization": "Bearer 0123456789abcdef0123456789abcdef"}
        ).is_success
