"""What the canary counts while its peer stores, loses or rejects items, or is down."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from stack.canary import stores
from stack.canary.flight import MOST_PENDING, Flight
from stack.canary.items import SIGNALS, send
from stack.canary.verdict import Verdict
from tests.programs import free_port
from tests.stack.canary import peer as peers
from tests.stack.canary.peer import TOKEN, Peer

INTERVAL = 60.0
LOGIN = "Basic bG1zOmEgcGFzc3dvcmQ="
RUN = "11111111-2222-3333-4444-555555555555"
API = {"traces": "/api/traces", "metrics": "/api/v1", "logs": "/loki"}
Make = Callable[..., Flight]


@pytest.fixture(name="peer")
def _peer() -> Iterator[Peer]:
    with peers.listening() as peer:
        yield peer


@pytest.fixture(name="token_file")
def _token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\nanother, for senders that have not switched yet\n")
    return path


@pytest.fixture(name="verdict")
def _verdict() -> Verdict:
    return Verdict(INTERVAL)


@pytest.fixture(name="make")
def _make(peer: Peer, token_file: Path, verdict: Verdict) -> Make:
    def make(signal: str, edge: str = peer.url, store: str = peer.url) -> Flight:
        asked = {"traces": stores.traces, "metrics": stores.prometheus, "logs": stores.loki}[signal](store)
        return Flight(signal, RUN, partial(send, edge, token_file), asked, INTERVAL, verdict)

    return make


def _value(verdict: Verdict, name: str, signal: str, **labels: str) -> float:
    found = verdict.registry.get_sample_value(f"telemetry_canary_{name}", {"signal": signal, **labels})
    assert found is not None, name
    return found


def _counts(verdict: Verdict, signal: str) -> tuple[float, float, float, float]:
    """Returns the counts of items sent and arrived, and of failed sends and queries."""
    return (
        _value(verdict, "sent_total", signal),
        _value(verdict, "arrived_total", signal),
        _value(verdict, "failures_total", signal, stage="send"),
        _value(verdict, "failures_total", signal, stage="ask"),
    )


@pytest.mark.parametrize("signal", SIGNALS)
def test_arrivals_are_counted_with_their_delay(make: Make, verdict: Verdict, signal: str) -> None:
    flight, before = make(signal), _value(verdict, "last_arrival_timestamp_seconds", signal)
    for _ in range(2):
        flight.send()
        flight.seek()
    flight.seek()
    assert _counts(verdict, signal) == (2, 2, 0, 0)
    assert before < _value(verdict, "last_arrival_timestamp_seconds", signal) <= time.time()
    assert _value(verdict, "delay_seconds_count", signal) == 2
    assert 0 < _value(verdict, "delay_seconds_sum", signal) < INTERVAL


def test_tempos_answer_format_is_understood(make: Make, peer: Peer, verdict: Verdict) -> None:
    peer.tempo = True
    flight = make("traces")
    flight.send()
    flight.seek()
    assert _counts(verdict, "traces") == (1, 1, 0, 0)


@pytest.mark.parametrize("signal", SIGNALS)
def test_an_acknowledged_but_lost_item_does_not_count_as_arrived(
    make: Make, peer: Peer, verdict: Verdict, signal: str
) -> None:
    flight, before = make(signal), _value(verdict, "last_arrival_timestamp_seconds", signal)
    peer.lost.add(signal)
    flight.send()
    flight.seek()
    assert _counts(verdict, signal) == (1, 0, 0, 0)
    assert _value(verdict, "last_arrival_timestamp_seconds", signal) == before
    peer.lost.clear()
    flight.send()
    flight.seek()
    assert _counts(verdict, signal) == (2, 1, 0, 0)
    assert sorted(peer.stored[signal]) == [2]


@pytest.mark.parametrize("signal", SIGNALS)
def test_items_of_another_run_are_ignored(make: Make, peer: Peer, verdict: Verdict, signal: str) -> None:
    flight = make(signal)
    peer.lost.add(signal)
    peer.stored[signal][1] = "another run"
    flight.send()
    flight.seek()
    assert _counts(verdict, signal) == (1, 0, 0, 0)


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_store_that_is_down_is_counted_and_queried_again(
    make: Make, peer: Peer, verdict: Verdict, signal: str
) -> None:
    flight = make(signal)
    peer.status[API[signal]] = 503
    for _ in range(3):
        flight.send()
        flight.seek()
    assert _counts(verdict, signal) == (3, 0, 0, 3)
    peer.status.clear()
    flight.seek()
    assert _counts(verdict, signal) == (3, 3, 0, 3)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"data":{"result":[{}]}}', b"[1]", b"\xff"])
def test_a_malformed_answer_is_counted_as_a_failure(
    make: Make, peer: Peer, verdict: Verdict, signal: str, body: bytes
) -> None:
    flight = make(signal)
    peer.body = body
    flight.send()
    flight.seek()
    assert _counts(verdict, signal) == (1, 0, 0, 1)


@pytest.fixture(name="headers_file")
def _headers_file(tmp_path: Path) -> Path:
    path = tmp_path / "headers"
    path.write_text(f"Authorization: {LOGIN}\n")
    return path


@pytest.fixture(name="to_victorialogs")
def _to_victorialogs(peer: Peer, token_file: Path, headers_file: Path, verdict: Verdict) -> Flight:
    asked = stores.victorialogs(peer.url, headers_file)
    return Flight("logs", RUN, partial(send, peer.url, token_file), asked, INTERVAL, verdict)


def test_victorialogs_answer_and_login_are_understood(
    to_victorialogs: Flight, peer: Peer, verdict: Verdict
) -> None:
    peer.login = LOGIN
    for _ in range(2):
        to_victorialogs.send()
        to_victorialogs.seek()
    assert _counts(verdict, "logs") == (2, 2, 0, 0)
    peer.lost.add("logs")
    peer.stored["logs"][3] = "another run"
    to_victorialogs.send()
    to_victorialogs.seek()
    assert _counts(verdict, "logs") == (3, 2, 0, 0)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[1]", b"\xff", b'{"telemetry.canary.number":"x"}'])
def test_a_malformed_answer_of_victorialogs_is_counted_as_a_failure(
    to_victorialogs: Flight, peer: Peer, verdict: Verdict, body: bytes
) -> None:
    peer.body = body
    to_victorialogs.send()
    to_victorialogs.seek()
    assert _counts(verdict, "logs") == (1, 0, 0, 1)


def test_a_login_that_is_refused_or_cannot_be_read_is_counted_as_a_failure(
    to_victorialogs: Flight, peer: Peer, headers_file: Path, verdict: Verdict
) -> None:
    peer.login = "Basic another"
    to_victorialogs.send()
    to_victorialogs.seek()
    headers_file.unlink()
    to_victorialogs.seek()
    assert _counts(verdict, "logs") == (1, 0, 0, 2)
    headers_file.write_text("Authorization: Basic another\n")
    to_victorialogs.seek()
    assert _counts(verdict, "logs") == (1, 1, 0, 2)


def test_an_unreachable_peer_is_counted_as_a_failure(make: Make, verdict: Verdict) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    lonely, unasked = make("logs", edge=nobody), make("metrics", store=nobody)
    for flight in (lonely, unasked):
        flight.send()
        flight.seek()
    assert _counts(verdict, "logs") == (0, 0, 1, 0)
    assert _counts(verdict, "metrics") == (1, 0, 0, 1)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("status", [401, 429, 503])
def test_an_item_that_the_collector_rejects_does_not_count_as_sent(
    make: Make, peer: Peer, verdict: Verdict, signal: str, status: int
) -> None:
    flight = make(signal)
    peer.status["/v1/"] = status
    flight.send()
    flight.seek()
    assert _counts(verdict, signal) == (0, 0, 1, 0)


def test_an_item_rejected_by_partial_success_does_not_count_as_sent(
    make: Make, peer: Peer, verdict: Verdict
) -> None:
    peer.reject = True
    make("traces").send()
    assert _counts(verdict, "traces") == (0, 0, 1, 0)


def test_a_changed_token_is_reread(make: Make, token_file: Path, verdict: Verdict) -> None:
    flight = make("logs")
    for content in ("wrong", "", TOKEN):
        token_file.write_text(content)
        flight.send()
    token_file.unlink()
    flight.send()
    assert _counts(verdict, "logs") == (1, 0, 3, 0)


def test_a_failure_is_logged_when_it_starts_and_when_it_ends(
    make: Make, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "canary")
    flight = make("logs")
    peer.status["/loki"] = 500
    for _ in range(5):
        flight.send()
        flight.seek()
    peer.status.clear()
    flight.seek()
    assert caplog.messages == [f"logs: {peer.url} answered 500: down", "logs: ask works again"]
    assert TOKEN not in caplog.text


def test_only_the_newest_items_are_looked_for(make: Make, peer: Peer, verdict: Verdict) -> None:
    flight = make("traces")
    peer.status["/api/traces"] = 503
    for _ in range(MOST_PENDING + 2):
        flight.send()
    peer.status.clear()
    flight.seek()
    assert _counts(verdict, "traces") == (MOST_PENDING + 2, MOST_PENDING, 0, 0)
    assert _value(verdict, "lost_total", "traces") == 2


def test_the_store_is_queried_soon_and_then_less_often(
    make: Make, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight, now = make("logs"), 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert flight.pause(now + INTERVAL) == INTERVAL
    peer.lost.add("logs")
    flight.send()
    assert flight.pause(now + INTERVAL) == pytest.approx(0.1)
    now += 20
    assert flight.pause(now + 40) == pytest.approx(5)
    assert flight.pause(now + 1) == pytest.approx(1)
    assert flight.pause(now - 1) == 0
