"""The stores with the repository's configuration, for one test; Loki is one that already runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from stack.alerting import Links, write_rules
from stack.native.probes import NO_CERTIFICATES
from stack.native.tools import tool_path
from stack.settings import REPOSITORY
from tests.programs import free_port, running

PROMETHEUS = REPOSITORY / "stack" / "prometheus" / "prometheus.yml"
LOKI = REPOSITORY / "stack" / "loki" / "loki.yml"
VICTORIALOGS_PASSWORD = "fedcba9876543210"


def prometheus_tree(folder: Path, targets: Mapping[str, Sequence[str]], **overrides: str) -> Path:
    """Writes what Prometheus reads: the repository's file and rules, targets and a secret; returns the file.

    ``overrides`` replace global settings, so that a test need not wait for fifteen seconds.
    """
    configuration = yaml.safe_load(PROMETHEUS.read_text())
    configuration["global"] |= overrides
    (folder / "targets").mkdir(parents=True)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "metrics_token").write_text("0123456789abcdef")
    (folder / "secrets" / "victorialogs_password").write_text(VICTORIALOGS_PASSWORD)
    write_rules(folder / "rules", "", Links())
    for job in {job["job_name"] for job in configuration["scrape_configs"]} | {"alertmanager"}:
        content = [{"targets": list(targets.get(job, ()))}]
        (folder / "targets" / f"{job}.json").write_text(json.dumps(content))
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration))
    return path


@contextmanager
def prometheus(folder: Path, port: int, targets: Mapping[str, Sequence[str]]) -> Iterator[httpx.Client]:
    """Runs Prometheus, scraping and evaluating every second, until the block ends."""
    file = prometheus_tree(
        folder, targets, scrape_interval="1s", scrape_timeout="1s", evaluation_interval="1s"
    )
    command = [
        str(tool_path("prometheus")),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-otlp-receiver",
        "--enable-feature=exemplar-storage",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/-/ready"), httpx.Client(base_url=url, timeout=10) as client:
        yield client


def loki() -> str:
    """Returns the address of a Loki that runs with `stack/loki/loki.yml`; skips the test without one.

    Nothing here builds Loki; the workflow runs its official image.
    """
    url = os.environ.get("TEST_LOKI_URL", "")
    if not url:
        pytest.skip("TEST_LOKI_URL is not set: it is the address of a Loki with stack/loki/loki.yml")
    return url.rstrip("/")


def tempo() -> tuple[str, str]:
    """Returns where a Tempo that runs with `stack/tempo/tempo.yaml` is asked, and where it takes OTLP.

    Skips the test without one. Nothing here builds Tempo; the workflow runs its official image.
    """
    asked, otlp = os.environ.get("TEST_TEMPO_URL", ""), os.environ.get("TEST_TEMPO_OTLP_URL", "")
    if not (asked and otlp):
        pytest.skip("TEST_TEMPO_URL and TEST_TEMPO_OTLP_URL are not set: a Tempo with stack/tempo/tempo.yaml")
    return asked.rstrip("/"), otlp.rstrip("/")


@contextmanager
def victorialogs(folder: Path, *flags: str) -> Iterator[str]:
    """Runs VictoriaLogs with its data in a folder until the block ends; yields its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        str(tool_path("victoria-logs")),
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-storageDataPath={folder}",
        "-retentionPeriod=168h",
        "-memory.allowedBytes=64MB",
        "-inmemoryDataFlushInterval=1s",
        *flags,
    ]
    with running(command, f"{url}/health"):
        yield url


def records(url: str, query: str) -> list[dict[str, str]]:
    """Returns what VictoriaLogs answers to a LogsQL query, with all that it has accepted so far."""
    with httpx.Client(base_url=url, timeout=30, verify=NO_CERTIFICATES) as client:
        client.get("/internal/force_flush").raise_for_status()
        answer = client.get("/select/logsql/query", params={"query": query}).raise_for_status()
    return [json.loads(line) for line in answer.content.splitlines()]


@contextmanager
def jaeger() -> Iterator[str]:
    """Runs Jaeger with its data in memory until the block ends; yields the address of its own metrics."""
    admin, query, otlp = free_port(), free_port(), free_port()
    nowhere = ("query.grpc-server", "collector.otlp.grpc", "collector.http-server", "collector.grpc-server")
    command = [
        "/usr/bin/env",
        "SPAN_STORAGE_TYPE=memory",
        str(tool_path("jaeger")),
        f"--admin.http.host-port=127.0.0.1:{admin}",
        f"--query.http-server.host-port=127.0.0.1:{query}",
        f"--collector.otlp.http.host-port=127.0.0.1:{otlp}",
        *(f"--{name}.host-port=127.0.0.1:0" for name in nowhere),
    ]
    with running(command, f"http://127.0.0.1:{admin}/"):
        yield f"127.0.0.1:{admin}"


def selectors(node: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - Prometheus' syntax tree
    """Yields every vector selector of a parsed expression (the answer of /api/v1/parse_query)."""
    if isinstance(node, dict):
        if node.get("type") in {"vectorSelector", "matrixSelector"}:
            yield node
        for child in node.values():
            yield from selectors(child)
    if isinstance(node, list):
        for child in node:
            yield from selectors(child)
