"""The platform's telemetry where it differs from the library's defaults."""

from __future__ import annotations

import pytest

import otel
from app.core.telemetry import TELEMETRY_DEFAULTS, telemetry_environ
from otel.config.settings import settings

PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("given", "trusted"),
    [
        pytest.param(None, False, id="not set: the public is not followed"),
        pytest.param("", False, id="empty is not set"),
        pytest.param("  ", False, id="blank is not set"),
        pytest.param("always", True, id="an operator decides"),
        pytest.param("10.0.0.0/8", True, id="a gateway of our own"),
    ],
)
def test_a_remote_trace_context_is_ignored_unless_the_operator_trusts_it(
    given: str | None, *, trusted: bool
) -> None:
    environ = {} if given is None else {"TELEMETRY_TRUST_REMOTE_CONTEXT": given}
    config = otel.TelemetryConfig.from_env(telemetry_environ(environ))
    assert config.trust_remote_context.covers(PEER) is trusted


def test_what_the_platform_decides_is_a_setting_of_the_library_and_nothing_else_changes() -> None:
    assert {each.key for each in settings()} >= TELEMETRY_DEFAULTS.keys()
    assert telemetry_environ({"OTEL_SERVICE_NAME": "lms"}) == {
        "OTEL_SERVICE_NAME": "lms",
        **TELEMETRY_DEFAULTS,
    }
