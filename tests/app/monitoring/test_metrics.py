from __future__ import annotations

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from app.monitoring.formats import OPENMETRICS, TEXT, Format, chosen
from tests.app.people import Api

TOKEN = {"Authorization": "Bearer metrics-token-of-the-tests"}
PATH = "/monitoring/metrics"
OF_PROMETHEUS = (  # 3.16, without and with native histograms
    "application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=underscores;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, TEXT),
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html,application/xhtml+xml,*/*;q=0.8", TEXT),
        ("image/png", TEXT),
        ("application/json", TEXT),
        ("text/plain", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0", OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', OPENMETRICS),
        ("application/openmetrics-text; version=2.0.0", TEXT),
        ("application/*", OPENMETRICS),
        (OF_PROMETHEUS, OPENMETRICS),
        (f"application/vnd.google.protobuf;q=0.6,{OF_PROMETHEUS}", OPENMETRICS),
        ("application/openmetrics-text;q=0.4,text/plain;q=0.6", TEXT),
        ("application/openmetrics-text;q=0.6,text/plain;q=0.4", OPENMETRICS),
        ("application/openmetrics-text,text/plain", TEXT),
        ("application/openmetrics-text;q=0,*/*", TEXT),
        ("text/plain;q=0,application/openmetrics-text;q=0.1", OPENMETRICS),
        ("application/openmetrics-text;q=many", TEXT),
        ("application/openmetrics-text;q=nan", TEXT),
        ("application/openmetrics-text;q=-1,text/plain;q=0.1", TEXT),
        (";;;,,,=;q", TEXT),
        ("text/plain; q*=1", TEXT),
        ("application/openmetrics-text; q*=utf-8''0", OPENMETRICS),
        ("application/openmetrics-text; version*=utf-8''1.0.0; q*0=1; q*1=2", TEXT),
        (",".join(["a/b"] * 10_000), TEXT),
    ],
)
def test_the_format_is_the_one_that_the_client_prefers(accept: str | None, expected: Format) -> None:
    assert chosen(accept) is expected


def parsed(text: str) -> list[Metric]:
    return list(openmetrics_families(text))  # type: ignore[no-untyped-call]  # the library gives it no types


async def test_text_and_openmetrics_show_the_same_series(api: Api) -> None:
    await api.student()
    text = await api.client.get(PATH, headers=TOKEN)
    assert text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    rich = await api.client.get(PATH, headers={**TOKEN, "Accept": OF_PROMETHEUS})
    assert rich.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert {text.headers["vary"], rich.headers["vary"]} == {"Accept"}
    assert rich.text.endswith("\n# EOF\n")

    plain = {sample.name for family in text_families(text.text) for sample in family.samples}
    found = {family.name: family for family in parsed(rich.text)}
    assert {sample.name for family in found.values() for sample in family.samples} >= plain
    assert found["http_server_request_duration_seconds"].unit == "seconds"
    assert found["lms_registrations"].type == "counter"


async def test_openmetrics_names_the_trace_of_a_measurement(api: Api) -> None:
    answer = await api.client.get("/courses")
    trace_id = answer.headers["traceresponse"].split("-")[1]
    rich = await api.client.get(PATH, headers={**TOKEN, "Accept": "application/openmetrics-text"})
    [exemplar] = [
        sample.exemplar
        for family in parsed(rich.text)
        for sample in family.samples
        if sample.name == "http_server_request_duration_seconds_bucket"
        and sample.labels.get("http_route") == "/api/v1/courses"
        and sample.exemplar
    ]
    assert exemplar.labels["trace_id"] == trace_id
