"""docs/monitoring-api.md: each worked example is sent to the running stack and answers as documented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest

from stack.native.native_stack import NativeStack
from tests.programs import wait_until
from tests.stack.running.learner import Platform
from tests.stack.running.stores import Stores
from tests.stack.running.worked_examples import PAGE, Example, difference, examples, lines_of

pytestmark = pytest.mark.stack

EXAMPLES: Final = list(examples())
PREFIX: Final = "/api/v1/monitoring"
ALERT: Final = {"alertname": "WorkedExample", "severity": "info", "service_name": "lms"}
"""An alert to acknowledge: on a healthy stack only the Watchdog fires, which nobody can acknowledge."""


class Asked:
    """The running platform, and what the examples' variables stand for."""

    def __init__(self, stack: NativeStack, platform: Platform) -> None:
        self.client = httpx.Client(timeout=30, trust_env=False)
        self._admin = platform.admin().client
        self._silences: list[str] = []
        token = self._admin.headers["Authorization"].removeprefix("Bearer ")
        metrics_token = stack.environment.app.metrics_token.get_secret_value()
        self.values = {"LMS": stack.url("app"), "TOKEN": token, "METRICS_TOKEN": metrics_token}
        self.values["ALERTS_TOKEN"] = stack.environment.app.alerts_token.get_secret_value()
        self.values["TRACE_ID"] = self._failed_trace(platform)
        self._stores = Stores(stack)
        self._stores.fire(60, **ALERT)
        self.values["FINGERPRINT"] = self._fingerprint()

    def _failed_trace(self, platform: Platform) -> str:
        """Returns the trace of a request that failed, once its spans and records are stored."""
        failed = platform.student().post("/demo/transcripts")
        trace_id: str = failed.json()["trace_id"]

        def is_stored() -> bool:
            found = self._admin.get(f"/monitoring/trace/{trace_id}").json()
            return {"span", "log"} <= {entry["kind"] for entry in found.get("entries", [])}

        wait_until(is_stored, "the failed request's trace is stored")
        return trace_id

    def _fingerprint(self) -> str:
        def firing() -> list[Any]:
            return list(
                self._admin.get(f"/monitoring/alerts?alertname={ALERT['alertname']}").json()["alerts"]
            )

        wait_until(firing, "the alert fires")
        return str(firing()[0]["fingerprint"])

    def answer(self, example: Example) -> httpx.Response:
        """Sends an example; later ones end the silence that it has created."""
        answered = example.send(self.client, self.values)
        if answered.status_code == httpx.codes.CREATED and "matchers" in answered.json():
            self.values["SILENCE_ID"] = answered.json()["id"]
            self._silences.append(answered.json()["id"])
        return answered

    def close(self) -> None:
        """Ends the silences and the alert, so that other tests see their own, and closes the connections."""
        for silence_id in self._silences:
            self._admin.delete(f"/monitoring/silences/{silence_id}")
        self._stores.fire(0, **ALERT)
        self._stores.close()
        self.client.close()


@pytest.fixture(scope="module")
def asked(stack: NativeStack) -> Iterator[Asked]:
    platform = Platform(stack)
    opened = Asked(stack, platform)
    yield opened
    opened.close()
    platform.close()


def test_every_endpoint_has_an_example(asked: Asked) -> None:
    described = asked.client.get(f"{asked.values['LMS']}/openapi.json").json()["paths"]
    operations = {
        f"{method.upper()} {path}"
        for path, methods in described.items()
        for method in methods
        if path.startswith(f"{PREFIX}/")
    }
    assert operations == {example.operation for example in EXAMPLES}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.operation)
def test_the_answer_is_as_documented(asked: Asked, example: Example) -> None:
    answered = asked.answer(example)
    assert answered.status_code == example.status, answered.text
    if example.media_type is not None:
        assert answered.headers["content-type"] == example.media_type
    if example.answer is None:
        assert answered.content == b""
    elif "json" in str(example.media_type):
        differs = difference(json.loads(example.answer), answered.json())
        assert differs is None, f"{PAGE.name}: {differs}"
    else:
        assert lines_of(example.answer) <= lines_of(answered.text)
