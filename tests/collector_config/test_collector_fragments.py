"""Dependencies of fragments, TLS, host metrics, presets: everything without a payload to compare."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from collector_kit.fragments import (
    FRAGMENTS,
    LEAN,
    LEAN_BUILD,
    CollectorError,
    check,
    fragments,
    main,
    presets,
    sentry_environment,
)
from tests.collector_config import collector, intake, otlp_json
from tests.collector_config.certificates import certificates
from tests.collector_config.collector import Collector
from tests.collector_config.intake import Intake
from tests.collector_config.test_collector_golden import sinks
from tests.programs import free_port, wait_until

# They say otherwise what base.yaml says, and nothing else does.
REPLACES = {"keep-links", "mask"}
SPAN = {
    "resourceSpans": [
        {
            "scopeSpans": [
                {"spans": [{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"}]}
            ]
        }
    ]
}


@pytest.fixture(name="server")
def _server() -> Iterator[Intake]:
    with intake.listening() as server:
        yield server


def test_no_list_is_in_two_fragments() -> None:
    """`--config` replaces lists: of a list at the same path in two files, one would be lost."""
    places: dict[str, str] = {}
    for path in sorted(FRAGMENTS.glob("*.yaml")):
        for place in _lists(yaml.safe_load(path.read_text()), ""):
            assert place not in places or path.stem in REPLACES, f"{place}: {places[place]} and {path.name}"
            places[place] = path.name


def _lists(value: object, place: str) -> Iterator[str]:
    if isinstance(value, list):
        yield place
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _lists(each, f"{place}::{key}")


def test_every_variable_that_is_not_set_is_named_with_its_fragment(tmp_path: Path) -> None:
    files = [FRAGMENTS / "base.yaml", FRAGMENTS / "loki.yaml", FRAGMENTS / "otlp.yaml"]
    environment = collector.environment(tmp_path, {"NEXT_OTLP_URL": "https://next", "OTLP_TOKEN_FILE": ""})
    with pytest.raises(CollectorError) as caught:
        check(files, environment)
    assert re.findall(r"(\w+) \((\S+)\)", str(caught.value)) == [
        ("OTLP_TOKEN_FILE", "base.yaml"),
        ("LOKI_URL", "loki.yaml"),
        ("NEXT_HEADERS_FILE", "otlp.yaml"),
    ]


def test_host_metrics_are_those_of_a_service_named_host(server: Intake, tmp_path: Path) -> None:
    variables = {**sinks(server, tmp_path), "HOST_METRICS_INTERVAL": "1s", "HOST_NAME": "machine-1"}
    files = ["base.yaml", "host-metrics.yaml", "prometheus.yaml"]
    wanted = {
        "system.cpu.time",
        "system.cpu.utilization",
        "system.cpu.logical.count",
        "system.memory.usage",
        "system.memory.utilization",
        "system.cpu.load_average.1m",
        "system.filesystem.usage",
        "system.filesystem.utilization",
        "system.network.io",
    }
    with collector.running(files, tmp_path, **variables):
        wait_until(
            lambda: wanted <= otlp_json.names(server.payload("prometheus", "metrics")),
            "all host metrics arrive",
        )
    resources = [each["resource"] for each in server.payload("prometheus", "metrics")["resourceMetrics"]]
    found = [{pair["key"]: pair["value"]["stringValue"] for pair in each["attributes"]} for each in resources]
    assert all(
        each["service.name"] == "host" and each["service.instance.id"] == each["host.name"] == "machine-1"
        for each in found
    )


def test_tls_and_then_a_certificate_of_the_sender(tmp_path: Path) -> None:
    certificate, key, client = certificates(tmp_path)
    variables = {
        "TLS_CERT_FILE": str(certificate),
        "TLS_KEY_FILE": str(key),
        "TLS_CLIENT_CA_FILE": str(certificate),
    }
    with collector.running(["base.yaml", "tls.yaml"], tmp_path, **variables) as running:
        url = running.url.replace("http://", "https://") + "/v1/traces"
        headers = {"Authorization": f"Bearer {running.token}"}
        assert httpx.post(url, json=SPAN, headers=headers, verify=client).status_code == 200
        assert httpx.post(url, json=SPAN, verify=client).status_code == 401
        assert _refused(running), "plain HTTP to a TLS port"
    with collector.running(["base.yaml", "tls.yaml", "mtls.yaml"], tmp_path, **variables) as running:
        url = running.url.replace("http://", "https://") + "/v1/traces"
        with pytest.raises(httpx.TransportError):
            httpx.post(url, json=SPAN, headers=headers, verify=client)
        client.load_cert_chain(certificate, key)
        assert httpx.post(url, json=SPAN, headers=headers, verify=client).status_code == 200
        assert httpx.post(url, json=SPAN, verify=client).status_code == 401, "the token is still asked for"


def _refused(running: Collector) -> bool:
    """Reports whether plain HTTP is rejected: answered 400, or closed before it is read."""
    try:
        return running.send("traces", SPAN).status_code == 400
    except httpx.TransportError:
        return True


def test_a_browser_of_another_origin_gets_no_permission(tmp_path: Path) -> None:
    endpoint = f"127.0.0.1:{free_port()}"
    variables = {"BROWSER_ORIGINS": "[https://lms.example.org]", "COLLECTOR_BROWSER_ENDPOINT": endpoint}
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    with collector.running(["base.yaml", "browser.yaml"], tmp_path, **variables):
        url = f"http://{endpoint}/v1/traces"
        good = httpx.options(url, headers={"Origin": "https://lms.example.org", **preflight})
        bad = httpx.options(url, headers={"Origin": "https://evil.example", **preflight})
        assert good.headers["Access-Control-Allow-Origin"] == "https://lms.example.org"
        assert "Access-Control-Allow-Origin" not in bad.headers
        assert httpx.post(url, content=b" " * 300_000, headers={"Content-Type": "application/json"}).is_error
        assert httpx.post(f"http://{endpoint}/v1/metrics", json={"resourceMetrics": []}).status_code == 404


def _span_of(service: str) -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, **SPAN["resourceSpans"][0]}]}


def test_browser_spans_are_in_no_metric(server: Intake, tmp_path: Path) -> None:
    """Anybody can send it, under any service's name."""
    endpoint = f"127.0.0.1:{free_port()}"
    variables = {
        **sinks(server, tmp_path),
        "BROWSER_ORIGINS": "[https://lms.example.org]",
        "COLLECTOR_BROWSER_ENDPOINT": endpoint,
        "SPAN_METRICS_INTERVAL": "1s",
    }
    files = ["base.yaml", "browser.yaml", "span-metrics.yaml", "prometheus.yaml", "jaeger.yaml"]
    with collector.running(files, tmp_path, **variables) as running:
        page = httpx.post(f"http://{endpoint}/v1/traces", json=_span_of("invented"))
        assert page.status_code == 200
        assert running.send("traces", _span_of("lms")).status_code == 200
        server.wait_for_items("jaeger", "traces", 2)
        server.wait_for_items("prometheus", "metrics", 2)
        assert running.stop() == 0
    assert "invented" in str(server.payload("jaeger", "traces"))
    metrics = str(server.payload("prometheus", "metrics"))
    assert "lms" in metrics
    assert "invented" not in metrics


def test_a_preset_is_the_lines_of_its_file_that_apply() -> None:
    with_sentry = fragments("gateway", {"SENTRY_OTLP_URL": "https://x"})
    without = fragments("gateway", {"SENTRY_OTLP_URL": ""})
    assert {path.name for path in set(with_sentry) - set(without)} == {"sentry.yaml", "tail-sampling.yaml"}
    assert without[0].name == "base.yaml"


@pytest.mark.parametrize("preset", presets())
def test_what_only_the_lean_build_has_is_chosen_by_its_variable(preset: str) -> None:
    with_it, without = (fragments(preset, given) for given in (LEAN_BUILD, {"COLLECTOR_LEAN_BUILD": ""}))
    assert {path.name for path in set(with_it) - set(without)} == set(LEAN)


def test_an_unknown_preset_is_answered_with_the_known_ones(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CollectorError, match="all-in-one"):
        fragments("everything", {})
    assert main(["everything"]) == 2
    assert "choose one of" in capsys.readouterr().err
    for name in ("COLLECTOR_STATE_DIR", "OTLP_TOKEN_FILE", "NEXT_OTLP_URL", "NEXT_HEADERS_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert main(["agent"]) == 2
    assert "NEXT_OTLP_URL (otlp.yaml)" in capsys.readouterr().err
    for name in ("COLLECTOR_STATE_DIR", "OTLP_TOKEN_FILE", "NEXT_OTLP_URL", "NEXT_HEADERS_FILE"):
        monkeypatch.setenv(name, "/x")
    assert main(["agent"]) == 0
    assert capsys.readouterr().out.startswith("--config=")


@pytest.mark.parametrize(
    ("dsn", "url"),
    [
        ("https://k@o1.ingest.sentry.io/42", "https://o1.ingest.sentry.io/api/42/integration/otlp"),
        ("http://k@127.0.0.1:9000/sentry/7", "http://127.0.0.1:9000/sentry/api/7/integration/otlp"),
    ],
)
def test_a_dsn_gives_the_otlp_address(dsn: str, url: str) -> None:
    assert sentry_environment(dsn) == {"SENTRY_OTLP_URL": url, "SENTRY_OTLP_KEY": "k"}


def test_without_a_dsn_there_is_no_sentry_and_a_broken_one_is_said_to_be() -> None:
    assert sentry_environment("") == {}
    with pytest.raises(CollectorError, match="https://KEY@HOST/PROJECT"):
        sentry_environment("https://o1.ingest.sentry.io/42")
