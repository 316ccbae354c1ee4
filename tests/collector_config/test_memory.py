"""The lean Collector's memory stays within its limit, whatever a sender with a token makes of one request."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.collector_config import collector
from tests.collector_config.bad_input import MEBIBYTE, PROTOBUF, one_span
from tests.collector_config.chains import MASK, with_chain
from tests.collector_config.collector import Collector
from tests.programs import free_port, wait_until

LIMIT = 400 * MEBIBYTE
SENDERS, TIMES = 8, 3
# As the stack runs it: GOMEMLIMIT is 80 % of COLLECTOR_MEMORY_MIB.
GO = {"COLLECTOR_MEMORY_MIB": "400", "GOMEMLIMIT": "320MiB", "GOGC": "400"}
# Of these, the queues fill: every batch that an exporter holds stays in memory, too.
NOWHERE = dict.fromkeys(("JAEGER_OTLP_URL", "LOKI_URL", "PROMETHEUS_URL"), "http://127.0.0.1:9")
FILES = with_chain(MASK, ["base.yaml", "jaeger.yaml", "loki.yaml", "prometheus.yaml"])
# What repeats, as the numbers of the fields from the request to it; each is two bytes on the wire.
REPEATS = {
    "resources": ("traces", (1,)),
    "attributes of a resource": ("traces", (1, 1, 1)),
    "entities of a resource": ("traces", (1, 1, 3)),
    "scopes": ("traces", (1, 2)),
    "spans": ("traces", (1, 2, 2)),
    "attributes of a span": ("traces", (1, 2, 2, 9)),
    "events": ("traces", (1, 2, 2, 11)),
    "links": ("traces", (1, 2, 2, 13)),
    "records": ("logs", (1, 2, 2)),
    "values in a body": ("logs", (1, 2, 2, 5, 5, 1)),
    "pairs in a body": ("logs", (1, 2, 2, 5, 6, 1)),
    "metrics": ("metrics", (1, 2, 2)),
    "points": ("metrics", (1, 2, 2, 5, 1)),
    "exemplars": ("metrics", (1, 2, 2, 7, 1, 5)),
    "histograms": ("metrics", (1, 2, 2, 9, 1)),
    "exponential histograms": ("metrics", (1, 2, 2, 10, 1)),
    "summaries": ("metrics", (1, 2, 2, 11, 1)),
    "quantiles": ("metrics", (1, 2, 2, 11, 1, 6)),
}
# The largest of their kind that are admitted.
ADMITTED = {
    "spans": 129_000,
    "attributes of a span": 500_000,
    "records": 129_000,
    "points": 129_000,
    "scopes": 129_000,
}
JSON = {
    "spans": b'{"resourceSpans":[{"scopeSpans":[{"spans":[%s]}]}]}',
    "resources": b'{"resourceSpans":[%s]}',
}


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _repeated(fields: tuple[int, ...], count: int) -> bytes:
    """Returns a request in which the last field is there ``count`` times, empty."""
    body = (_varint(fields[-1] << 3 | 2) + b"\0") * count
    for field in reversed(fields[:-1]):
        body = _varint(field << 3 | 2) + _varint(len(body)) + body
    return body


@pytest.fixture(name="edge", scope="module")
def _edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    with collector.running(FILES, tmp_path_factory.mktemp("edge"), **GO, **NOWHERE) as running:
        yield running


@pytest.fixture(autouse=True)
def _stays_within_its_limit(edge: Collector) -> Iterator[None]:
    yield
    status = Path(f"/proc/{edge.process.pid}/status").read_text()
    [peak] = [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")]
    assert peak < LIMIT, f"{peak / MEBIBYTE:.0f} MiB at the peak"


def _answers(edge: Collector, signal: str, body: bytes, headers: dict[str, str]) -> Counter[int]:
    """Returns how often each status was the answer to all senders together."""
    with ThreadPoolExecutor(SENDERS) as pool:
        sent = [pool.submit(edge.post, signal, body, headers) for _ in range(SENDERS * TIMES)]
        return Counter(each.result().status_code for each in sent)


def _accepts(edge: Collector) -> bool:
    return edge.send("traces", one_span()).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", ""])
@pytest.mark.parametrize("what", REPEATS)
def test_a_request_that_would_take_too_much_is_rejected_before_it_is_decoded(
    edge: Collector, what: str, encoding: str
) -> None:
    signal, fields = REPEATS[what]
    body = _repeated(fields, 2_090_000)
    assert len(body) < 4 * MEBIBYTE
    sent = gzip.compress(body, 9) if encoding else body
    before = edge.metric("otelcol_admission_requests_rejected_total", reason="too_large")
    answers = _answers(edge, signal, sent, {**PROTOBUF, "Content-Encoding": encoding})
    assert set(answers) <= {413, 503}
    assert (
        edge.metric("otelcol_admission_requests_rejected_total", reason="too_large") == before + answers[413]
    )
    assert _accepts(edge), "nobody else has to wait"


@pytest.mark.parametrize("what", JSON)
def test_so_is_one_in_json(edge: Collector, what: str) -> None:
    body = gzip.compress(JSON[what] % b",".join([b"{}"] * 1_390_000), 9)
    assert set(_answers(edge, "traces", body, {"Content-Encoding": "gzip"})) <= {413, 503}
    assert _accepts(edge)


@pytest.mark.parametrize("what", ADMITTED)
def test_the_largest_requests_that_are_admitted_fit_together(edge: Collector, what: str) -> None:
    signal, fields = REPEATS[what]
    body = gzip.compress(_repeated(fields, ADMITTED[what]), 9)
    answers = _answers(edge, signal, body, {**PROTOBUF, "Content-Encoding": "gzip"})
    assert answers[200]
    assert set(answers) <= {200, 503}
    wait_until(partial(_accepts, edge), "a good request is accepted again")
    assert edge.metric("otelcol_admission_in_use_bytes") == 0


def test_packed_numbers_fit(edge: Collector) -> None:
    """Those of an exponential histogram take sixteen times their bytes."""
    small = b"\1" * MEBIBYTE
    exponents = b"\x12" + _varint(len(small)) + small
    for field in (8, 1, 10, 2, 2, 1):
        exponents = _varint(field << 3 | 2) + _varint(len(exponents)) + exponents
    assert set(_answers(edge, "metrics", exponents, PROTOBUF)) <= {200, 503}
    wait_until(partial(_accepts, edge), "a good request is accepted again")


def test_strangers_with_a_browser_have_the_same_bounds(tmp_path: Path) -> None:
    endpoint = f"127.0.0.1:{free_port()}"
    given = {
        "BROWSER_ORIGINS": "[https://lms.example.org]",
        "COLLECTOR_BROWSER_ENDPOINT": endpoint,
        "COLLECTOR_BROWSER_MIDDLEWARES": "[{ id: admission }]",
    }
    body = _repeated((1, 2, 2), 131_060)
    assert len(body) <= 262_144
    with collector.running(with_chain(MASK, ["base.yaml", "browser.yaml"]), tmp_path, **given):
        assert httpx.post(f"http://{endpoint}/v1/traces", content=body, headers=PROTOBUF).status_code == 413
