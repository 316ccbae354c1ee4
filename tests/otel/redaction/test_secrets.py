"""Plants random secrets in every input and searches every output: spans, records, lines, errors, metrics."""

from __future__ import annotations

import json

import pytest

from otel.testing import Captured
from tests.otel.conftest import Configure
from tests.otel.intake import Intake, intake
from tests.otel.planted import hand_everything_over, plant, send_everything
from tests.otel.receiver import Receiver, receiver
from tests.otel.service import instrumented

ROUNDS = 8


def everything(captured: Captured) -> str:
    parts = [*map(repr, captured.spans), *map(repr, captured.logs), *captured.lines]
    metrics = repr(captured.metrics) + captured.telemetry.prometheus_text().decode()
    return "\n".join([*parts, json.dumps(captured.errors, default=repr), metrics])


def sent(collector: Receiver, errors: Intake) -> bytes:
    """Returns the bytes sent over OTLP and the events that the intake received."""
    requests = [*collector.traces, *collector.metrics, *collector.logs]
    return b"".join(each.SerializeToString() for each in requests) + json.dumps(errors.events).encode()


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_no_secret_of_a_request_leaves(captured: Captured, seed: int) -> None:
    secrets = plant(seed)
    await send_everything(instrumented(), secrets)

    left = everything(captured)
    assert "unhandled_error" in left
    assert [secret for secret in secrets.all if secret in left] == []


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_no_secret_that_code_passes_in_leaves(captured: Captured, seed: int) -> None:
    secrets = plant(seed)
    hand_everything_over(secrets)

    left = everything(captured)
    assert "failed" in left
    assert [secret for secret in secrets.all if secret in left] == []


@pytest.mark.parametrize("exporter", ["otlp", "console"])
async def test_no_secret_is_on_the_wire(
    configure: Configure, capfd: pytest.CaptureFixture[str], exporter: str
) -> None:
    with receiver() as collector, intake() as errors:
        telemetry = configure(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_TRACES_EXPORTER=exporter,
            OTEL_LOGS_EXPORTER=exporter,
            OTEL_METRICS_EXPORTER=exporter,
            TELEMETRY_LOG_BURST="0",
            SENTRY_DSN=errors.dsn,
        )
        app, planted = instrumented(), [plant(seed) for seed in range(100, 100 + ROUNDS)]
        for secrets in planted:
            await send_everything(app, secrets)
            hand_everything_over(secrets)
        shown = telemetry.prometheus_text()
        assert telemetry.shutdown(30).complete
        out, err = capfd.readouterr()
        left = sent(collector, errors) + shown + out.encode() + err.encode()
    # The search works: texts that are not secret are found.
    assert all(word in left for word in (b"unhandled_error", b"/courses/{course_id}/fail", b"LookupError"))
    assert len(errors.events) > ROUNDS
    found = [secret for secrets in planted for secret in secrets.all if secret.encode() in left]
    assert found == []
