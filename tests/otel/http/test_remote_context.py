"""Which trace a request continues: as W3C Trace Context says, for peers that the setting trusts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI
from opentelemetry import baggage, propagate

import otel
from otel.config.settings import ConfigError, TelemetryConfig
from otel.config.trust import trust
from otel.testing import Captured, capture_telemetry
from otel.testing.captured import CapturedLink, CapturedSpan
from tests.otel.asgi import Answer, Headers, request
from tests.otel.http.situations import plain, streaming

THEIRS, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = ("traceparent", f"00-{THEIRS}-{PARENT}-01")
DROPPED = ("traceparent", f"00-{THEIRS}-{PARENT}-00")
STATE, BAGGAGE = ("tracestate", "vendor=1"), ("baggage", "tenant=north")
# The peer of tests.otel.asgi is 192.0.2.77.
TRUSTED = ("always", "192.0.2.0/24", "10.0.0.0/8,192.0.2.77/32")
UNTRUSTED = ("never", "10.0.0.0/8", "fd00::/8")


@contextmanager
def service(**settings: object) -> Iterator[tuple[FastAPI, Captured]]:
    config = TelemetryConfig(service_name="test", runtime_metrics=False, log_format="json", **settings)  # type: ignore[arg-type]  # checked by their own tests
    with capture_telemetry(config=config) as captured:
        app = plain()
        app.mount("/streams", streaming())
        app.get("/passed-on")(passed_on)
        otel.instrument(app)
        yield app, captured


async def passed_on() -> dict[str, object]:
    """Returns the headers that an outgoing call would carry, and the baggage that the application sees."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return {**carrier, "tenant": baggage.get_baggage("tenant")}


def server(captured: Captured) -> CapturedSpan:
    [span] = [each for each in captured.spans if each.kind == "SERVER"]
    return span


def trace_response(answer: Answer) -> tuple[str, str]:
    """Returns the trace id and the flags in the response."""
    version, trace_id, _, flags = answer.headers["traceresponse"].split("-")
    assert version == "00"
    return trace_id, flags


@pytest.mark.parametrize(
    ("sent", "followed"),
    [
        pytest.param([SAMPLED[1]], True, id="valid"),
        pytest.param([f" \t{SAMPLED[1]} "], True, id="white space around it"),
        pytest.param([f"00-{THEIRS}-{PARENT}-03"], True, id="random and sampled"),
        pytest.param([f"cc-{THEIRS}-{PARENT}-01-what-the-future-adds"], True, id="a future version"),
        pytest.param([f"cc-{THEIRS}-{PARENT}-01.what"], False, id="a future version without a dash"),
        pytest.param([f"00-{THEIRS}-{PARENT}-01-more"], False, id="this version allows no more"),
        pytest.param([f"ff-{THEIRS}-{PARENT}-01"], False, id="forbidden version"),
        pytest.param([f"00-{THEIRS.upper()}-{PARENT}-01"], False, id="upper case"),
        pytest.param([f"00-{'0' * 32}-{PARENT}-01"], False, id="no trace"),
        pytest.param([f"00-{THEIRS}-{'0' * 16}-01"], False, id="no parent"),
        pytest.param([f"00-{THEIRS[1:]}-{PARENT}-01"], False, id="short"),
        pytest.param([f"00-{THEIRS}-{PARENT}"], False, id="no flags"),
        pytest.param([f"00-{THEIRS}-{PARENT}-zz"], False, id="flags that are not hexadecimal"),
        pytest.param([""], False, id="empty"),
        pytest.param([SAMPLED[1], SAMPLED[1]], False, id="twice"),
        pytest.param([], False, id="none"),
    ],
)
async def test_a_parent_is_continued_as_the_specification_says(sent: list[str], *, followed: bool) -> None:
    """The cases of the W3C's own test suite; a parent that is not valid takes its `tracestate` with it."""
    with service() as (app, captured):
        headers = [*(("traceparent", value) for value in sent), STATE]
        answer = await request(app, "/passed-on", headers=headers)

        span = server(captured)
        assert (span.trace_id == THEIRS) is followed
        assert (span.parent_id == PARENT) is followed
        assert (b"vendor=1" in answer.body) is followed
        assert span.links == ()


async def test_lists_in_several_headers_are_merged() -> None:
    with service() as (app, _):
        headers = [SAMPLED, ("tracestate", "a=1"), ("tracestate", "b=2"), ("baggage", "x=1"), BAGGAGE]
        answer = await request(app, "/passed-on", headers=headers)

    assert b'"tracestate":"a=1,b=2"' in answer.body
    assert b'"tenant":"north"' in answer.body


@pytest.mark.parametrize("setting", TRUSTED)
async def test_a_trusted_peers_trace_is_continued_with_all_three_headers(setting: str) -> None:
    with service(trust_remote_context=trust(setting)) as (app, captured):
        answer = await request(app, "/passed-on", headers=[SAMPLED, STATE, BAGGAGE])

        assert server(captured).parent_id == PARENT
        assert server(captured).links == ()
        assert all(
            part in answer.body for part in (THEIRS.encode(), b"vendor=1", b"tenant=north", b'"north"')
        )


@pytest.mark.parametrize("setting", UNTRUSTED)
@pytest.mark.parametrize("parent", [SAMPLED, DROPPED])
async def test_an_untrusted_peers_request_gets_a_new_trace_linked_to_the_peers(
    setting: str, parent: tuple[str, str]
) -> None:
    with service(trust_remote_context=trust(setting)) as (app, captured):
        answer = await request(app, "/passed-on", headers=[parent, STATE, BAGGAGE])

        span = server(captured)
        assert span.trace_id != THEIRS
        assert span.parent_id is None
        assert span.links == (CapturedLink(THEIRS, PARENT),)
        assert trace_response(answer) == (span.trace_id, "01")
        assert not any(part in answer.body for part in (THEIRS.encode(), b"vendor", b"north"))


@pytest.mark.parametrize("sent", [(), (STATE, BAGGAGE), (("traceparent", "nonsense"),), (SAMPLED, DROPPED)])
async def test_headers_that_name_no_single_span_add_no_link(sent: Headers) -> None:
    with service(trust_remote_context=trust("never")) as (app, captured):
        await request(app, "/x/1", headers=list(sent))

        assert server(captured).links == ()


@pytest.mark.parametrize(
    ("setting", "address", "trusted"),
    [
        ("always", None, True),
        ("never", "10.0.0.1", False),
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.0.0.0/8", "::ffff:10.0.0.1", True),
        ("10.0.0.0/8", "fd00::1", False),
        ("fd00::/8", "fd12:3456::1", True),
        ("fd00::/8, 10.0.0.1", "10.0.0.1", True),
        ("fe80::/10", "fe80::1%eth0", True),
        ("10.0.0.0/8", "", False),
        ("10.0.0.0/8", None, False),
        ("10.0.0.0/8", "testclient", False),
    ],
)
def test_a_peer_is_trusted_by_its_address(setting: str, address: str | None, *, trusted: bool) -> None:
    config = TelemetryConfig.from_env({"TELEMETRY_TRUST_REMOTE_CONTEXT": setting})
    assert config.trust_remote_context.covers(address) is trusted


@pytest.mark.parametrize("value", ["sometimes", "10.0.0.1/8", "always,10.0.0.0/8", "10.0.0.0/8,never", ","])
def test_a_wrong_setting_is_rejected_with_what_is_allowed(value: str) -> None:
    with pytest.raises(
        ConfigError, match=r"TELEMETRY_TRUST_REMOTE_CONTEXT=.* must be always, never, or peer networks"
    ):
        TelemetryConfig.from_env({"TELEMETRY_TRUST_REMOTE_CONTEXT": value})


@pytest.mark.parametrize("sampler", ["parentbased_always_on", "parentbased_always_off", "traceidratio"])
@pytest.mark.parametrize("path", ["/fails", "/unavailable", "/streams/broken"])
async def test_a_failed_request_is_sampled_whatever_the_sampler_says(sampler: str, path: str) -> None:
    """Only its SERVER span, with its events; the rest of the trace was dropped before the failure."""
    with service(sampler=sampler, sampler_ratio=0) as (app, captured):
        answer = Answer()
        try:
            await request(app, path, headers=[DROPPED], answer=answer)
        except ValueError:
            assert path != "/unavailable"

        [span] = captured.spans
        assert span.status == "ERROR"
        assert (span.trace_id, span.parent_id) == (THEIRS, PARENT)
        # A response that started successfully could not know of the failure.
        assert trace_response(answer) == (THEIRS, "01" if answer.status != 200 else "00")
        [started] = captured.metrics["otel.sdk.span.started"]
        assert started.attributes["otel.span.sampling_result"] == "RECORD_ONLY"
        assert "otel.sdk.span.live" not in captured.metrics


@pytest.mark.parametrize("path", ["/x/1", "/refused", "/nowhere"])
async def test_a_request_that_ends_well_is_sampled_as_its_caller_decided(path: str) -> None:
    with service() as (app, captured):
        answer = await request(app, path, headers=[DROPPED])

        assert captured.spans == []
        assert trace_response(answer) == (THEIRS, "00")
        assert captured.value("http.server.request.duration") == 1


async def test_always_off_exports_nothing() -> None:
    with service(sampler="always_off") as (app, captured):
        answer = await request(app, "/unavailable")

        assert captured.spans == []
        assert trace_response(answer)[1] == "00"


async def test_inside_an_unsampled_request_nothing_is_exported_and_callees_are_not_sampled() -> None:
    with service() as (app, captured):
        answer = await request(app, "/passed-on", headers=[DROPPED])

        assert f'"traceparent":"00-{THEIRS}-'.encode() in answer.body
        assert b'-00"' in answer.body
        assert captured.spans == []
