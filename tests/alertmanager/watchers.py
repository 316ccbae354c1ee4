"""A Prometheus under test, with the repository's rules about Alertmanager, that watches one every second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from stack.native.tools import tool_path
from tests.alertmanager.rendered import tested
from tests.programs import Program, free_port


class Watcher:
    """Evaluates the rules; ``url`` is where it answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    def firing(self, name: str) -> list[dict[str, str]]:
        """Returns the labels of each firing alert of this name."""
        answer = httpx.get(f"{self.url}/api/v1/alerts").raise_for_status().json()
        return [
            each["labels"]
            for each in answer["data"]["alerts"]
            if each["state"] == "firing" and each["labels"]["alertname"] == name
        ]


@contextmanager
def watching(folder: Path, url: str) -> Iterator[Watcher]:
    """Runs a Prometheus that scrapes the Alertmanager at ``url``; its rules wait a second, not minutes."""
    folder.mkdir()
    (folder / "rules.yml").write_text(yaml.safe_dump(_without_waits()))
    job = {"job_name": "alertmanager", "static_configs": [{"targets": [url.removeprefix("http://")]}]}
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [job],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    own = f"http://127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        tool_path("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={own.removeprefix('http://')}",
    ]
    program = Program(command, folder / "prometheus.log")
    try:
        program.ready(lambda: _ready(own))
        yield Watcher(own)
    finally:
        program.stop()


def _without_waits() -> Any:  # noqa: ANN401 - YAML
    content = yaml.safe_load((tested() / "rules" / "alertmanager.yml").read_text())
    for rule in (rule for group in content["groups"] for rule in group["rules"]):
        rule.update({"for": "1s"} if "for" in rule else {})
    return content


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=2).is_success
    except httpx.HTTPError:
        return False
