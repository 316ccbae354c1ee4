"""The real stores, one program each, and servers that answer as no store does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.native import logins
from stack.native.tools import tool_path
from tests.collector_config.stores import prometheus_tree
from tests.programs import free_port, running

PASSWORD = "a password of the tests"


@pytest.fixture(scope="session")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes itself every second and asks for a login."""
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    where = f"127.0.0.1:{port}"
    file = prometheus_tree(folder / "etc", {}, scrape_interval="1s", scrape_timeout="1s")
    source = folder / "etc" / "prometheus.yml"
    (file.parent / "targets" / "prometheus.json").write_text(f'[{{"targets": ["{where}"]}}]')
    (folder / "etc" / "secrets" / "stores_password").write_text(PASSWORD)
    source.write_text(logins.prometheus_configuration(source, "secrets/stores_password"))
    (folder / "web.yml").write_text(logins.web_config(PASSWORD))
    command = [
        str(tool_path("prometheus")),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={where}",
        f"--web.config.file={folder / 'web.yml'}",
        "--web.enable-otlp-receiver",
    ]
    with running(command, logins.with_login(f"http://{where}/-/ready", PASSWORD)):
        yield f"http://{where}"


@pytest.fixture(scope="session")
def alertmanager_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An Alertmanager that notifies nobody and asks for a login."""
    yield from run_alertmanager(tmp_path_factory.mktemp("alertmanager"))


def run_alertmanager(folder: Path) -> Iterator[str]:
    """Runs Alertmanager with one route and one inhibition, and yields its address."""
    where = f"127.0.0.1:{free_port()}"
    (folder / "alertmanager.yml").write_text(
        "route: {receiver: nobody}\n"
        "receivers: [{name: nobody}]\n"
        "inhibit_rules: [{source_matchers: [severity=page], target_matchers: [severity=warning],"
        " equal: [job]}]\n"
    )
    (folder / "web.yml").write_text(logins.web_config(PASSWORD))
    command = [
        str(tool_path("alertmanager")),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={where}",
        f"--web.config.file={folder / 'web.yml'}",
        "--cluster.listen-address=",
    ]
    with running(command, logins.with_login(f"http://{where}/-/ready", PASSWORD)):
        yield f"http://{where}"
