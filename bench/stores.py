"""The real stores, started from the repository's configuration on free ports."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.process import Program, local
from stack.alerting import Links, write_rules
from stack.native.ports import LOOPBACK, free_ports
from stack.native.tools import tool_path

REPOSITORY: Final = Path(__file__).resolve().parent.parent


def prometheus(folder: Path, port: int, *, alerts: bool = False) -> Program:
    """Returns Prometheus with ``stack/prometheus/prometheus.yml``; its data is under the folder.

    Args:
        folder: for its files and data.
        port: where it listens.
        alerts: whether it has the project's rules; then it scrapes and evaluates every second.
    """
    etc = folder / "prometheus-etc"
    for name in ("targets", "secrets"):
        (etc / name).mkdir(parents=True)
    text = (REPOSITORY / "stack" / "prometheus" / "prometheus.yml").read_text()
    if alerts:
        write_rules(etc / "rules", "", Links())
        text = re.sub(
            r"^  (scrape_interval|scrape_timeout|evaluation_interval): .*",
            r"  \1: 1s",
            text,
            flags=re.MULTILINE,
        )
    (etc / "prometheus.yml").write_text(text)
    command = [
        str(tool_path("prometheus")),
        f"--config.file={etc}/prometheus.yml",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--web.enable-otlp-receiver",
        "--enable-feature=exemplar-storage",
        f"--storage.tsdb.path={folder}/prometheus",
        "--log.level=warn",
    ]
    return Program("prometheus", command, folder, local(port, "/-/ready"), {"GOGC": "50"})


def watch(folder: Path, job: str, ports: Sequence[int]) -> None:
    """Makes the folder's Prometheus scrape exactly these ports for a job, within a second."""
    content = [{"targets": [f"{LOOPBACK}:{port}" for port in ports]}]
    place = folder / "prometheus-etc" / "targets" / f"{job}.json"
    # Prometheus reads the file as soon as it changes: it must never see it half written.
    place.with_suffix(".new").write_text(json.dumps(content))
    place.with_suffix(".new").replace(place)


def victorialogs(folder: Path, port: int) -> Program:
    """Returns VictoriaLogs with the native stack's limits and no password; its data is under the folder."""
    command = [
        str(tool_path("victoria-logs")),
        f"-httpListenAddr={LOOPBACK}:{port}",
        f"-storageDataPath={folder}/victorialogs",
        "-retentionPeriod=168h",
        "-storage.minFreeDiskSpaceBytes=500MB",
        "-memory.allowedBytes=64MB",
        "-inmemoryDataFlushInterval=1s",
        "-loggerLevel=WARN",
    ]
    return Program("victorialogs", command, folder, local(port, "/health"), {})


def jaeger(folder: Path, port: int, otlp_port: int) -> Program:
    """Returns Jaeger with its disk store under the folder, as the native stack runs it.

    Args:
        folder: for data and output.
        port: of the query API.
        otlp_port: of the OTLP/HTTP receiver.
    """
    (admin,) = free_ports(1)
    nowhere = (
        "query.grpc-server",
        "collector.otlp.grpc",
        "collector.http-server",
        "collector.grpc-server",
    )
    command = [
        str(tool_path("jaeger")),
        f"--query.http-server.host-port={LOOPBACK}:{port}",
        "--collector.otlp.enabled=true",
        f"--collector.otlp.http.host-port={LOOPBACK}:{otlp_port}",
        f"--admin.http.host-port={LOOPBACK}:{admin}",
        *(f"--{name}.host-port={LOOPBACK}:0" for name in nowhere),
        "--badger.ephemeral=false",
        f"--badger.directory-key={folder}/jaeger/keys",
        f"--badger.directory-value={folder}/jaeger/values",
        "--badger.consistency=false",
        "--log-level=warn",
    ]
    environment = {"SPAN_STORAGE_TYPE": "badger", "GOGC": "50"}
    return Program("jaeger", command, folder, local(admin, "/"), environment)
