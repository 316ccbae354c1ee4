"""What the fragment's page promises about VictoriaLogs, on the real one behind the real Collector."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.native.probes import NO_CERTIFICATES
from tests.collector_config import collector, stores
from tests.collector_config.collector import Collector
from tests.programs import wait_until

FILES = ["base.yaml", "victorialogs.yaml"]
EXPORTER = "otlp_http/victorialogs"
DAY = 24 * 3600 * 10**9
LINES = 20_000
ODD_NAME = "odd/name:x-y"
ODD = 'a "quoted" Grüße \\ back'


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[str]:
    with stores.victorialogs(tmp_path / "victorialogs") as url:
        yield url


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": str(value)}} for key, value in values.items()]


def _logs(*records: Mapping[str, Any], **resource: str) -> dict[str, Any]:
    owner = {"attributes": _attributes({"service.name": "lms", **resource})}
    return {"resourceLogs": [{"resource": owner, "scopeLogs": [{"logRecords": list(records)}]}]}


def _record(text: str, attributes: Mapping[str, str] | None = None, age: int = 0) -> dict[str, Any]:
    when = str(time.time_ns() - age)
    return {
        "timeUnixNano": when,
        "severityNumber": 9,
        "severityText": "INFO",
        "body": {"stringValue": text},
        "attributes": _attributes(attributes or {}),
    }


def _delivered(running: Collector, records: int) -> None:
    running.wait_for_metric("otelcol_exporter_sent_log_records_total", records, exporter=EXPORTER)


def _dropped(store: str) -> dict[str, int]:
    """Returns how many records VictoriaLogs says it has dropped, by reason."""
    text = httpx.get(f"{store}/metrics", timeout=10, verify=NO_CERTIFICATES).text
    lines = [line for line in text.splitlines() if line.startswith("vl_rows_dropped_total{")]
    return {line.split('"')[1]: int(line.rpartition(" ")[2]) for line in lines}


def test_a_record_is_found_by_its_service_and_has_its_attributes_side_by_side(
    store: str, tmp_path: Path
) -> None:
    own = {"service.name": "its own", "quiz.count": "3"}
    sent = _logs(_record("done", own), **{"host.name": "h"})
    with collector.running(FILES, tmp_path, VICTORIALOGS_URL=store) as running:
        assert running.send("logs", sent).status_code == 200
        _delivered(running, 1)
    assert stores.records(store, '{service.name="its own"}') == []
    (found,) = stores.records(store, '{service.name="lms"} "quiz.count":="3"')
    assert {
        "_msg": "done",
        "host.name": "h",
        "quiz.count": "3",
        "severity_text": "INFO",
    }.items() <= found.items()
    assert 'service.name="lms"' in found["_stream"]


def test_a_value_and_a_name_of_any_characters_can_be_asked_for(store: str, tmp_path: Path) -> None:
    with collector.running(FILES, tmp_path, VICTORIALOGS_URL=store) as running:
        assert running.send("logs", _logs(_record("done", {ODD_NAME: ODD}))).status_code == 200
        _delivered(running, 1)
    asked = f"{json.dumps(ODD_NAME, ensure_ascii=False)}:={json.dumps(ODD, ensure_ascii=False)}"
    (found,) = stores.records(store, asked)
    assert found[ODD_NAME] == ODD


def test_a_batch_that_is_large_in_the_store_is_stored_whole(store: str, tmp_path: Path) -> None:
    """A resource's forty attributes are repeated on each of its lines."""
    wide = {f"process.attribute.{number}": "x" * 100 for number in range(40)}
    records = [_record(f"line {number}", age=number) for number in range(LINES // 4)]
    with collector.running(FILES, tmp_path, VICTORIALOGS_URL=store) as running:
        for _ in range(4):
            assert running.send("logs", _logs(*records, **wide)).status_code == 200
        _delivered(running, LINES)
        assert running.metric("otelcol_exporter_send_failed_log_records_total") == 0
    (counted,) = stores.records(store, '{service.name="lms"} | stats count() rows')
    assert counted["rows"] == str(LINES)
    assert sum(_dropped(store).values()) == 0


def test_what_it_drops_it_answers_200_to_and_counts_by_reason(store: str, tmp_path: Path) -> None:
    leaves = {"values": _attributes({f"leaf{number}": number for number in range(1100)})}
    wide = {**_record("wide"), "attributes": [{"key": "map", "value": {"kvlistValue": leaves}}]}
    sent = _logs(_record("kept"), _record("old", age=8 * DAY), _record("ahead", age=-3 * DAY), wide)
    with collector.running(FILES, tmp_path, VICTORIALOGS_URL=store) as running:
        assert running.send("logs", sent).status_code == 200
        _delivered(running, 4)
        assert running.metric("otelcol_exporter_send_failed_log_records_total") == 0
    assert [found["_msg"] for found in stores.records(store, "*")] == ["kept"]
    assert {reason: times for reason, times in _dropped(store).items() if times} == {
        "too_small_timestamp": 1,
        "too_big_timestamp": 1,
        "too_many_fields": 1,
    }


def test_with_little_disk_left_it_refuses_and_the_collector_keeps_the_record(tmp_path: Path) -> None:
    full = stores.victorialogs(tmp_path / "victorialogs", "-storage.minFreeDiskSpaceBytes=1000TB")
    with full as store, collector.running(FILES, tmp_path, VICTORIALOGS_URL=store) as running:
        assert running.send("logs", _logs(_record("kept"))).status_code == 200
        requests = "http_client_request_duration_seconds_count"
        running.wait_for_metric(requests, 2, http_response_status_code="429")
        assert running.metric("otelcol_exporter_send_failed_log_records_total", error_permanent="true") == 0
        assert running.metric("otelcol_exporter_queue_size", exporter=EXPORTER) > 0


def test_a_wrong_login_is_refused_and_its_own_page_asks_for_it(tmp_path: Path) -> None:
    flags = ("-httpAuth.username=lms", "-httpAuth.password=right", "-http.disableCORS")
    with stores.victorialogs(tmp_path / "victorialogs", *flags) as store:
        paths = ("/select/vmui/", "/metrics", "/internal/force_flush", "/select/logsql/query?query=*")
        asked = {path: httpx.get(f"{store}{path}", verify=NO_CERTIFICATES).status_code for path in paths}
        assert set(asked.values()) == {401}
        page = httpx.get(f"{store}/select/vmui/", auth=("lms", "right"), verify=NO_CERTIFICATES)
        assert page.status_code == 200
        with collector.running(FILES, tmp_path, VICTORIALOGS_URL=store) as running:
            assert running.send("logs", _logs(_record("lost"))).status_code == 200
            failed = "otelcol_exporter_send_failed_log_records_total"
            wait_until(lambda: running.metric(failed, error_permanent="true") == 1, "the loss is counted")
