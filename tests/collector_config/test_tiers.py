"""An agent and a gateway, as two teams run them: TLS, certificates, a token, and an outage between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collector_config import collector, intake, otlp_json
from tests.collector_config.certificates import certificates
from tests.collector_config.intake import Intake
from tests.collector_config.test_collector_golden import sinks
from tests.programs import free_port, wait_until

GATEWAY = ("base.yaml", "tls.yaml", "mtls.yaml", "jaeger.yaml", "loki.yaml")
AGENT = ("base.yaml", "otlp.yaml")


@pytest.fixture(name="server")
def _server() -> Iterator[Intake]:
    with intake.listening() as server:
        yield server


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


class Tiers:
    """The variables of both, in separate folders; the agent has the gateway's token and certificate."""

    def __init__(self, server: Intake, folder: Path) -> None:
        certificate, key, _ = certificates(folder)
        self.up, self.down = _folder(folder, "gateway"), _folder(folder, "agent")
        port = free_port()
        self.gateway = {
            **sinks(server, self.up),
            "COLLECTOR_OTLP_ENDPOINT": f"127.0.0.1:{port}",
            "TLS_CERT_FILE": str(certificate),
            "TLS_KEY_FILE": str(key),
            "TLS_CLIENT_CA_FILE": str(certificate),
        }
        collector.environment(self.up, self.gateway)  # creates the gateway's token
        headers = self.down / "headers"
        headers.write_text(f"Authorization: Bearer {(self.up / 'token').read_text().strip()}\n")
        self.agent = {
            "NEXT_OTLP_URL": f"https://127.0.0.1:{port}",
            "NEXT_HEADERS_FILE": str(headers),
            "NEXT_CA_FILE": str(certificate),
            "NEXT_CERT_FILE": str(certificate),
            "NEXT_KEY_FILE": str(key),
        }


@pytest.fixture(name="tiers")
def _tiers(server: Intake, tmp_path: Path) -> Tiers:
    return Tiers(server, tmp_path)


def _span(number: int) -> dict[str, Any]:
    attributes = [{"key": "note", "value": {"stringValue": "to anna@needle.example"}}]
    span = {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "x", "attributes": attributes}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def test_accepted_data_reaches_the_stores_after_a_gateway_outage(server: Intake, tiers: Tiers) -> None:
    with collector.running(AGENT, tiers.down, **tiers.agent) as agent:
        for number in range(1, 11):
            assert agent.send("traces", _span(number)).status_code == 200
        agent.kill()
    with collector.running(AGENT, tiers.down, **tiers.agent) as agent:
        with collector.running(GATEWAY, tiers.up, **tiers.gateway) as gateway:
            server.wait_for_items("jaeger", "traces", 10)
            assert agent.send("traces", _span(11)).status_code == 200
            server.wait_for_items("jaeger", "traces", 11)
            assert gateway.stop() == 0
        assert agent.metric("otelcol_exporter_send_failed_spans_total", error_permanent="true") == 0
        assert agent.stop() == 0
    spans = list(otlp_json.items("traces", server.payload("jaeger", "traces")))
    assert sorted(int(span["spanId"], 16) for span in spans) == list(range(1, 12))
    assert "needle" not in str(spans)


@pytest.mark.parametrize("missing", [("NEXT_CERT_FILE", "NEXT_KEY_FILE"), ("NEXT_CA_FILE",)])
def test_without_either_certificate_nothing_passes_and_nothing_is_lost(
    server: Intake, tiers: Tiers, missing: tuple[str, ...]
) -> None:
    left = {name: value for name, value in tiers.agent.items() if name not in missing}
    with (
        collector.running(GATEWAY, tiers.up, **tiers.gateway),
        collector.running(AGENT, tiers.down, **left) as agent,
    ):
        assert agent.send("traces", _span(1)).status_code == 200
        wait_until(lambda: "Exporting failed" in agent.log(), "the agent is refused")
        assert agent.metric("otelcol_exporter_send_failed_spans_total", error_permanent="true") == 0
        agent.kill()
    assert server.items("jaeger", "traces") == 0
    with (
        collector.running(GATEWAY, tiers.up, **tiers.gateway),
        collector.running(AGENT, tiers.down, **tiers.agent),
    ):
        server.wait_for_items("jaeger", "traces", 1)
