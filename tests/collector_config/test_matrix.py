"""Every fragment alone with the base, and the full set without each: started and used."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from collector_kit.fragments import FRAGMENTS
from tests.collector_config import collector, intake, otlp_json
from tests.collector_config.certificates import certificates
from tests.collector_config.collector import Collector
from tests.collector_config.intake import Intake
from tests.collector_config.test_collector_golden import TESTS, of_case, sinks
from tests.programs import free_port, wait_until

ALL = sorted(path.stem for path in FRAGMENTS.glob("*.yaml"))
# What collector-config/FRAGMENTS.md calls "needs" besides base.yaml.
NEEDS = {"tail-sampling": ["sentry"], "mtls": ["tls"]}
TAKES = {
    "prometheus": {("prometheus", "metrics")},
    "loki": {("loki", "logs")},
    "victorialogs": {("victorialogs", "logs")},
    "tempo": {("tempo", "traces")},
    "jaeger": {("jaeger", "traces")},
    "otlp": {("next", signal) for signal in otlp_json.ROOTS},
    "sentry": {("sentry", "traces"), ("sentry", "logs")},
}
# Fragments that produce their own items: without them, these metrics are absent.
MAKES = {"span-metrics": "traces.span.metrics.calls", "host-metrics": "system.memory.usage"}


def _without(name: str) -> list[str]:
    """Returns all fragments except one and those that need it."""
    return [each for each in ALL if each != name and name not in NEEDS.get(each, [])]


@pytest.fixture(name="server")
def _server() -> Iterator[Intake]:
    with intake.listening() as server:
        yield server


def _variables(names: Sequence[str], server: Intake, folder: Path) -> dict[str, str]:
    certificate, key, _ = certificates(folder)
    own = {key: value for name in names for key, value in of_case(name, server).items()}
    return {
        **sinks(server, folder),
        **own,
        "BROWSER_ORIGINS": "[https://lms.example.org]",
        "COLLECTOR_BROWSER_ENDPOINT": f"127.0.0.1:{free_port()}",
        "TLS_CERT_FILE": str(certificate),
        "TLS_KEY_FILE": str(key),
        "TLS_CLIENT_CA_FILE": str(certificate),
        "HOST_METRICS_INTERVAL": "1s",
        "SPAN_METRICS_INTERVAL": "1s",
        "SENTRY_DECISION_WAIT": "1s",
    }


def _client(names: Sequence[str], running: Collector, folder: Path) -> httpx.Client:
    """Returns a client with what the fragments require: a token, TLS, a certificate."""
    headers = {"Authorization": f"Bearer {running.token}"}
    if "tls" not in names:
        return httpx.Client(base_url=running.url, headers=headers)
    context = ssl.create_default_context(cafile=str(folder / "certificate.pem"))
    if "mtls" in names:
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    url = running.url.replace("http://", "https://")
    return httpx.Client(base_url=url, headers=headers, verify=context)


def _input(signal: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((TESTS / "inputs" / f"request.{signal}.json").read_text())
    return payload


def _use(names: Sequence[str], server: Intake, folder: Path) -> None:
    """Runs the fragments, sends a request of each signal, and checks who receives it."""
    files = [f"{name}.yaml" for name in names]
    variables = _variables(names, server, folder)
    wanted = {pair for name in names for pair in TAKES.get(name, set())}
    made = {metric for name, metric in MAKES.items() if name in names}
    with collector.running(files, folder, **variables) as running:
        with _client(names, running, folder) as client:
            for signal in otlp_json.ROOTS:
                answer = client.post(f"/v1/{signal}", json=_input(signal))
                assert answer.status_code == 200, answer.text
        for sink, signal in wanted:
            server.wait_for_items(sink, signal, 1)
        for sink in ("prometheus", "next"):
            if (sink, "metrics") in wanted:
                _wait_for_names(server, sink, made)
        if "file" in names:
            running.wait_for_metric("otelcol_exporter_sent_spans_total", 1, exporter="file/traces")
        assert running.stop() == 0
    known = {pair for pairs in TAKES.values() for pair in pairs}
    assert server.reached() & known == wanted
    assert not server.refused
    absent = set(MAKES.values()) - made
    assert not absent & otlp_json.names(server.payload("prometheus", "metrics"))


def _wait_for_names(server: Intake, sink: str, made: set[str]) -> None:
    wait_until(lambda: made <= otlp_json.names(server.payload(sink, "metrics")), f"{sink} has {made}")


@pytest.mark.parametrize("name", [each for each in ALL if each != "base"])
def test_a_fragment_works_alone_beside_the_base(name: str, server: Intake, tmp_path: Path) -> None:
    _use(["base", *NEEDS.get(name, []), name], server, tmp_path)


@pytest.mark.parametrize("name", [each for each in ALL if each != "base"])
def test_a_fragment_can_be_left_out_of_all(name: str, server: Intake, tmp_path: Path) -> None:
    _use(_without(name), server, tmp_path)


def test_the_base_works_alone_and_all_work_together(server: Intake, tmp_path: Path) -> None:
    for number, names in enumerate((["base"], ALL)):
        folder = tmp_path / str(number)
        folder.mkdir()
        _use(names, server, folder)


@pytest.mark.parametrize(
    ("child", "parent"), [(child, each) for child, need in NEEDS.items() for each in need]
)
def test_a_fragment_without_what_it_needs_does_not_start(
    child: str, parent: str, server: Intake, tmp_path: Path
) -> None:
    """Otherwise the page would list a dependency that does not exist."""
    names = ["base", child]
    assert parent not in names
    variables = collector.environment(tmp_path, _variables(names, server, tmp_path))
    done = collector.validate([f"{name}.yaml" for name in names], variables)
    assert done.returncode != 0
