"""Runs the corpus through the library: nothing that must be redacted leaves by any output."""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

import otel
from otel.config.settings import TelemetryConfig
from tests.otel.intake import Intake, intake
from tests.otel.receiver import Receiver, receiver
from tests.redaction.cases import cases_for, leaks, losses, strings

CASES = cases_for("library")
NUMBERED = re.compile(r"corpus[._]\w+?[._](\d+)")
WAYS = ("spans", "records", "lines", "metrics", "page", "reports", "answers")

Left = dict[int, dict[str, list[str]]]
"""The exported texts by case number and output."""


@pytest.fixture(name="left", scope="module")
def _left(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """All cases in one process, one request each; outputs are told apart by trace ids and metric names."""
    output = tmp_path_factory.mktemp("corpus") / "output"
    with receiver() as collector, intake() as errors, output.open("w") as stream:
        with redirect_stdout(stream), redirect_stderr(stream):
            page, answers = asyncio.run(_send_all(collector, errors))
        left: Left = defaultdict(lambda: defaultdict(list))
        found = [
            *_spans_and_records(collector),
            *_metrics(collector),
            *_reports(errors),
            *_lines(output),
            *_page(page),
            *answers,
        ]
    for number, way, texts in found:
        left[number][way] += texts
    return left


Found = tuple[int, str, list[str]]


async def _send_all(collector: Receiver, errors: Intake) -> tuple[str, list[Found]]:
    from tests.otel.redaction.entrances import Entry, application, send_case  # noqa: PLC0415 - it gets a meter on import

    config = {
        "OTEL_SERVICE_NAME": "corpus",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_METRIC_EXPORT_INTERVAL": "600000",
        "TELEMETRY_RUNTIME_METRICS": "off",
        "TELEMETRY_LOG_BURST": "0",
        "TELEMETRY_ERROR_BURST": "0",
        "TELEMETRY_LOG_FORMAT": "json",
        "SENTRY_DSN": errors.dsn,
    }
    telemetry = otel.configure(TelemetryConfig.from_env(config))
    entries = [Entry(number, case) for number, case in enumerate(CASES, 1)]
    app = application(entries)
    answers: list[Found] = []
    for entry in entries:
        answer = await send_case(app, entry)
        answers.append((entry.number, "answers", list(strings(answer.headers))))
    page = telemetry.prometheus_text().decode()
    assert telemetry.shutdown(60).complete
    return page, answers


def _spans_and_records(collector: Receiver) -> Iterator[Found]:
    for way, messages in (("spans", collector.spans()), ("records", collector.records())):
        for message in messages:
            yield int.from_bytes(message.trace_id), way, list(strings(_plain(message)))


def _metrics(collector: Receiver) -> Iterator[Found]:
    for request in collector.metrics:
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                yield from (
                    (int(number[1]), "metrics", list(strings(_plain(metric))))
                    for metric in scope.metrics
                    if (number := NUMBERED.match(metric.name))
                )


def _plain(message: Any) -> dict[str, Any]:  # noqa: ANN401 - a generated class of protobuf
    shown: dict[str, Any] = MessageToDict(message)
    return shown


def _reports(errors: Intake) -> Iterator[Found]:
    for event in errors.events:
        yield int(event["contexts"]["trace"]["trace_id"], 16), "reports", list(strings(event))


def _lines(output: Path) -> Iterator[Found]:
    for line in output.read_text().splitlines():
        shown = json.loads(line)
        yield int(shown.get("trace_id", "0"), 16), "lines", list(strings(shown))


def _page(page: str) -> Iterator[Found]:
    for line in page.splitlines():
        if number := NUMBERED.search(line):
            yield int(number[1]), "page", [line]


@pytest.mark.parametrize("number", range(1, len(CASES) + 1), ids=lambda number: str(CASES[number - 1]))
def test_nothing_that_must_be_redacted_leaves(number: int, left: Left) -> None:
    case, ways = CASES[number - 1], left[number]
    assert {way: found for way in WAYS if (found := leaks(case, ways[way]))} == {}
    ways_of = ("spans",) if case.place == "user_agent" else ("spans", "records", "lines")
    assert {way: lost for way in ways_of if (lost := losses(case, ways[way]))} == {}
    assert ways["reports"], "the request must fail and be reported"
