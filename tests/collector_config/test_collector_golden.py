"""collector-config/tests: OTLP in, and what each sink then has, on the real Collector."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from collector_kit.fragments import FRAGMENTS, LEAN, fragments, presets
from tests.collector_config import collector, intake, otlp_json
from tests.collector_config.chains import CHAINS, with_chain
from tests.collector_config.collector import Collector
from tests.collector_config.intake import Intake
from tests.programs import free_port

TESTS = FRAGMENTS / "tests"
CASES = sorted(path.stem for path in (TESTS / "cases").glob("*.yml"))
# The files are written for one second; they are read as if written for that of the test: stores have windows.
WRITTEN, NOW = 1795500000, int(time.time())
MOMENT = re.compile(r"\b(17955\d{5})(?=\d{9}\b)")
# test_collector_fragments.py: no payload to compare. What only our build has: every case runs with it, too.
UNTESTED_HERE = {"host-metrics", "tls", "mtls", *(Path(name).stem for name in LEAN)}


def _case(name: str) -> dict[str, Any]:
    case: dict[str, Any] = yaml.safe_load((TESTS / "cases" / f"{name}.yml").read_text())
    return case


def _payload(folder: str, name: str) -> dict[str, Any]:
    text = (TESTS / folder / f"{name}.json").read_text()
    moved = MOMENT.sub(lambda match: str(int(match[1]) - WRITTEN + NOW), text)
    payload: dict[str, Any] = json.loads(moved)
    return payload


def sinks(server: Intake, folder: Path) -> dict[str, str]:
    """Returns the addresses and secrets of all sinks, all at one intake."""
    headers = folder / "next_headers"
    headers.write_text("Authorization: Bearer token-of-the-next-tier\n")
    login = folder / "victorialogs_headers"
    login.write_text("Authorization: Basic bG1zOmEgcGFzc3dvcmQ=\n")
    return {
        "PROMETHEUS_URL": f"{server.url}/prometheus",
        "LOKI_URL": f"{server.url}/loki",
        "VICTORIALOGS_URL": f"{server.url}/victorialogs",
        "VICTORIALOGS_HEADERS_FILE": str(login),
        "JAEGER_OTLP_URL": f"{server.url}/jaeger",
        "TEMPO_OTLP_URL": f"{server.url}/tempo",
        "NEXT_OTLP_URL": f"{server.url}/next",
        "NEXT_HEADERS_FILE": str(headers),
        "SENTRY_OTLP_URL": f"{server.url}/sentry/api/42/integration/otlp",
        "SENTRY_OTLP_KEY": "0123456789abcdef",
    }


def of_case(name: str, server: Intake) -> dict[str, str]:
    """Returns the variables that a case sets; {intake} in a value is replaced by the intake's address."""
    given = _case(name).get("environment", {}) if name in CASES else {}
    return {key: str(value).replace("{intake}", server.url) for key, value in given.items()}


@pytest.fixture(name="server")
def _server() -> Iterator[Intake]:
    with intake.listening() as server:
        yield server


def _send(case: Mapping[str, Any], running: Collector) -> None:
    origin = case.get("from")
    for name in case["send"]:
        signal = name.rpartition(".")[2]
        if origin is None:
            response = running.send(signal, _payload("inputs", name))
        else:
            url = f"http://{running.environment[origin['endpoint']]}/v1/{signal}"
            response = httpx.post(url, json=_payload("inputs", name), headers={"Origin": origin["origin"]})
        assert response.status_code == 200, response.text


def _wait(server: Intake, running: Collector, sink: str, signal: str, expected: Mapping[str, Any]) -> None:
    wanted = otlp_json.count(signal, expected)
    if sink == "file":
        running.wait_for_metric(
            f"otelcol_exporter_sent_{_UNIT[signal]}_total", wanted, exporter=f"file/{signal}"
        )
    else:
        server.wait_for_items(sink, signal, wanted)


_UNIT = {"traces": "spans", "metrics": "metric_points", "logs": "log_records"}


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("name", CASES)
def test_what_goes_in_comes_out_as_written(name: str, chain: str, server: Intake, tmp_path: Path) -> None:
    case = _case(name)
    variables = {**sinks(server, tmp_path), **of_case(name, server)}
    if "from" in case:
        variables[case["from"]["endpoint"]] = f"127.0.0.1:{free_port()}"
    for absent in case.get("without", []):
        del variables[absent]
    files = case["fragments"] if "fragments" in case else fragments(case["preset"], variables)
    expected = {
        (sink, signal): _payload("expected", file)
        for sink, signals in case["expect"].items()
        for signal, file in signals.items()
    }
    with collector.running(with_chain(chain, files), tmp_path, **variables) as running:
        _send(case, running)
        for (sink, signal), payload in expected.items():
            _wait(server, running, sink, signal, payload)
        assert running.stop() == 0
    for (sink, signal), payload in expected.items():
        found = _found(server, running, sink, signal, arrivals=case.get("arrivals"))
        lines = otlp_json.difference(otlp_json.entries(signal, payload), otlp_json.entries(signal, found))
        assert not lines, "\n".join([f"{sink} {signal}", *lines, json.dumps(found, indent=1)])
    _nothing_else_arrived(server, set(expected) | set(case.get("besides", {}).items()))
    _addressed_as_written(server, case)


def _found(
    server: Intake, running: Collector, sink: str, signal: str, *, arrivals: int | None
) -> dict[str, Any]:
    if sink == "file":
        return running.written(signal)
    return otlp_json.merge(signal, [each.payload for each in server.arrivals(sink, signal)[:arrivals]])


def _nothing_else_arrived(server: Intake, expected: set[tuple[str, str]]) -> None:
    assert server.reached() <= expected
    assert not server.refused


def _addressed_as_written(server: Intake, case: Mapping[str, Any]) -> None:
    for sink, signals in case["expect"].items():
        arrivals = [each for signal in signals for each in server.arrivals(sink, signal)]
        for arrival in arrivals:
            assert fnmatch(arrival.path, case.get("paths", {}).get(sink, "*"))
            assert case.get("headers", {}).get(sink, {}).items() <= arrival.headers.items()


def test_every_fragment_and_preset_has_a_case() -> None:
    files = {path.stem for path in FRAGMENTS.glob("*.yaml")}
    assert (files - UNTESTED_HERE) | set(presets()) == set(CASES)
