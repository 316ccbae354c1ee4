"""What fragments need, TLS, host metrics, a new sink, presets: all that has no payload to compare."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stack.collector import FRAGMENTS, CollectorError, check, fragments, main, sentry_environment
from tests.config import collector, intake, otlp_json
from tests.config.intake import Intake
from tests.config.programs import free_port
from tests.config.test_collector_golden import sinks

SPAN = {
    "resourceSpans": [
        {
            "scopeSpans": [
                {"spans": [{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"}]}
            ]
        }
    ]
}
NEEDS = {"tail-sampling": ["sentry.yaml"], "mtls": ["tls.yaml"]}


@pytest.fixture(name="server")
def _server() -> Iterator[Intake]:
    with intake.listening() as server:
        yield server


@pytest.mark.parametrize("name", sorted(path.stem for path in FRAGMENTS.glob("*.yaml")))
def test_a_fragment_needs_no_more_than_the_base_and_what_it_says(
    name: str, server: Intake, tmp_path: Path
) -> None:
    certificate, key, _ = _certificates(tmp_path)
    given = {
        **sinks(server, tmp_path),
        "BROWSER_ORIGINS": "[https://lms.example.org]",
        "TLS_CERT_FILE": str(certificate),
        "TLS_KEY_FILE": str(key),
        "TLS_CLIENT_CA_FILE": str(certificate),
    }
    files = ["base.yaml", *NEEDS.get(name, []), *([f"{name}.yaml"] if name != "base" else [])]
    done = collector.validate(files, collector.environment(tmp_path, given))
    assert done.returncode == 0, done.stderr


def test_no_list_of_one_fragment_stands_in_another() -> None:
    """`--config` replaces lists: a list at the same place in two files would lose one of them."""
    places: dict[str, str] = {}
    for path in sorted(FRAGMENTS.glob("*.yaml")):
        for place in _lists(yaml.safe_load(path.read_text()), ""):
            assert place not in places or path.stem == "keep-links", (
                f"{place}: {places[place]} and {path.name}"
            )
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
        collector.wait_until(
            lambda: wanted <= otlp_json.names(server.payload("prometheus", "metrics")),
            "host metrics are missing",
        )
    resources = [each["resource"] for each in server.payload("prometheus", "metrics")["resourceMetrics"]]
    found = [{pair["key"]: pair["value"]["stringValue"] for pair in each["attributes"]} for each in resources]
    assert all(
        each["service.name"] == "host" and each["service.instance.id"] == each["host.name"] == "machine-1"
        for each in found
    )


def _certificates(folder: Path) -> tuple[Path, Path, ssl.SSLContext]:
    """Returns a self-signed certificate for localhost, its key, and a client that trusts only it."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key, ssl.create_default_context(cafile=str(certificate))


def test_tls_and_then_a_certificate_of_the_sender(tmp_path: Path) -> None:
    certificate, key, client = _certificates(tmp_path)
    variables = {
        "TLS_CERT_FILE": str(certificate),
        "TLS_KEY_FILE": str(key),
        "TLS_CLIENT_CA_FILE": str(certificate),
    }
    with collector.running(["base.yaml", "tls.yaml"], tmp_path, **variables) as running:
        url = running.url.replace("http://127.0.0.1", "https://localhost") + "/v1/traces"
        headers = {"Authorization": f"Bearer {running.token}"}
        assert httpx.post(url, json=SPAN, headers=headers, verify=client).status_code == 200
        assert httpx.post(url, json=SPAN, verify=client).status_code == 401
        assert running.send("traces", SPAN).status_code == 400, "plain HTTP to a TLS port"
    with collector.running(["base.yaml", "tls.yaml", "mtls.yaml"], tmp_path, **variables) as running:
        url = running.url.replace("http://127.0.0.1", "https://localhost") + "/v1/traces"
        with pytest.raises(httpx.TransportError):
            httpx.post(url, json=SPAN, headers=headers, verify=client)
        client.load_cert_chain(certificate, key)
        assert httpx.post(url, json=SPAN, headers=headers, verify=client).status_code == 200
        assert httpx.post(url, json=SPAN, verify=client).status_code == 401, "the token is still asked for"


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


def test_a_newcomer_adds_a_sink_with_the_one_file_of_the_page(server: Intake, tmp_path: Path) -> None:
    page = (FRAGMENTS / "README.md").read_text()
    section = page.partition("## Add a sink")[2]
    [text] = re.findall(r"```yaml\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    fragment = tmp_path / "made-up.yaml"
    fragment.write_text(text)
    variables = {**sinks(server, tmp_path), "ACME_URL": f"{server.url}/acme"}
    files = [*fragments("gateway", variables), fragment]
    with collector.running(files, tmp_path, **variables) as running:
        assert running.send("traces", SPAN).status_code == 200
        server.wait_for_items("acme", "traces", 1)
        server.wait_for_items("tempo", "traces", 1)
    assert (tmp_path / "state" / "queues" / "exporter_otlp_http_acme_traces").exists()


def test_a_preset_is_the_lines_of_its_file_that_apply() -> None:
    with_sentry = fragments("gateway", {"SENTRY_OTLP_URL": "https://x"})
    without = fragments("gateway", {"SENTRY_OTLP_URL": ""})
    assert {path.name for path in set(with_sentry) - set(without)} == {"sentry.yaml", "tail-sampling.yaml"}
    assert without[0].name == "base.yaml"


def test_a_preset_that_does_not_exist_is_answered_with_those_that_do(
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
def test_a_dsn_says_where_sentry_takes_otlp(dsn: str, url: str) -> None:
    assert sentry_environment(dsn) == {"SENTRY_OTLP_URL": url, "SENTRY_OTLP_KEY": "k"}


def test_without_a_dsn_there_is_no_sentry_and_a_broken_one_is_said_to_be() -> None:
    assert sentry_environment("") == {}
    with pytest.raises(CollectorError, match="https://KEY@HOST/PROJECT"):
        sentry_environment("https://o1.ingest.sentry.io/42")
