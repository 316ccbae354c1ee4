"""A stranger's trace context neither turns off sampling nor pulls our spans into the stranger's trace."""

from __future__ import annotations

import secrets

import pytest
from opentelemetry.trace import TraceFlags

from tests.programs import wait_until
from tests.stack.running.learner import Platform
from tests.stack.running.stores import Stores

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("flags", ["00", "01"])
@pytest.mark.parametrize(("path", "status"), [("/courses", 200), ("/courses/nope", 404), ("/boom", 404)])
def test_the_request_gets_its_own_trace_linked_to_the_incoming_one(
    platform: Platform, stores: Stores, flags: str, path: str, status: int
) -> None:
    theirs, parent, request_id = secrets.token_hex(16), secrets.token_hex(8), f"stack-{secrets.token_hex(8)}"
    headers = {
        "traceparent": f"00-{theirs}-{parent}-{flags}",
        "tracestate": "vendor=stranger",
        "X-Request-ID": request_id,
    }
    answer = platform.anonymous().get(path, headers=headers)
    assert answer.status_code == status

    wait_until(lambda: stores.spans(request_id), "the trace is stored")
    [server] = [each for each in stores.spans(request_id) if each.kind == "server"]
    version, trace_id, span_id, answered_flags = answer.headers["traceresponse"].split("-")
    assert (version, trace_id, span_id) == ("00", server.trace_id, server.id)
    assert int(answered_flags, 16) & TraceFlags.SAMPLED
    assert server.trace_id != theirs
    assert server.parent is None
    assert server.links == ((theirs, parent),)
