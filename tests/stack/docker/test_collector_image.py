"""The Collector's image alone, run as one runs the contrib image: its user, its paths, its arguments."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from stack.native.ports import free_ports
from stack.settings import REPOSITORY
from tests.programs import wait_until
from tests.stack.docker.conftest import Started
from tests.stack.docker.engine import Engine
from tests.stack.docker.images import tags

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]

POINTS: Final = 200
FRAGMENTS: Final = ("base", "mask", "prometheus")
COLLECTOR: Final = "collector-alone"
STORE: Final = "store-alone"


@dataclass(frozen=True)
class Alone:
    """The container of the Collector beside one of Prometheus, its token, and the URLs of both."""

    engine: Engine
    token: str
    url: str
    store: str

    def send(self, token: str, points: int = 0) -> int:
        """Sends one gauge with this many series and returns the status of the answer."""
        now = str(time.time_ns())
        series = [
            {
                "timeUnixNano": now,
                "asInt": "1",
                "attributes": [{"key": "n", "value": {"intValue": str(number)}}],
            }
            for number in range(points)
        ]
        metric = {"name": "sent_to_the_image", "gauge": {"dataPoints": series}}
        body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        return httpx.post(
            f"{self.url}/v1/metrics", content=json.dumps(body), headers=headers, timeout=60
        ).status_code

    def stored(self) -> int:
        """Returns how many series of the gauge Prometheus has."""
        query = {"query": "count(last_over_time(sent_to_the_image[1h]))"}
        answer = httpx.get(f"{self.store}/api/v1/query", params=query, timeout=60).raise_for_status().json()
        result = answer["data"]["result"]
        return int(result[0]["value"][1]) if result else 0

    def healthy(self) -> bool:
        """Returns whether the image's own health command succeeds."""
        state = self.engine.inspect(COLLECTOR)["State"]
        return bool(state["Running"] and state["Health"]["Status"] == "healthy")


@pytest.fixture(scope="module", name="alone")
def _alone(started: Started, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    engine, image = started.clone.engine, tags()
    folder = tmp_path_factory.mktemp("collector")
    token, scraped = folder / "token", folder / "prometheus.yml"
    token.write_text(secrets.token_hex(16))
    scraped.write_text("storage: {tsdb: {out_of_order_time_window: 6h}}\n")
    folder.chmod(0o755)
    otlp, store = free_ports(2)
    engine.podman("network", "create", "alone")
    base = ("run", "--detach", "--network=alone", "--read-only", "--cap-drop=all")
    files = f"--volume={scraped}:/etc/prometheus/prometheus.yml:ro"
    listen = ("--config.file=/etc/prometheus/prometheus.yml", "--web.enable-otlp-receiver")
    publish = f"--publish=127.0.0.1:{store}:9090"
    engine.podman(*base, f"--name={STORE}", publish, files, image["prometheus"], *listen)
    engine.podman(*base, f"--name={COLLECTOR}", *_collector(token, otlp), image["collector"], *_arguments())
    yield Alone(engine, token.read_text(), f"http://127.0.0.1:{otlp}", f"http://127.0.0.1:{store}")
    engine.podman("rm", "--force", "--time=0", "--volumes", COLLECTOR, STORE)
    engine.podman("volume", "rm", "collector-alone")
    engine.podman("network", "rm", "alone")


def _arguments() -> list[str]:
    return [f"--config=/etc/otelcol/{name}.yaml" for name in FRAGMENTS]


def _collector(token: Path, port: int) -> list[str]:
    variables = {
        "OTLP_TOKEN_FILE": "/run/secrets/token",
        "COLLECTOR_OTLP_ENDPOINT": "0.0.0.0:4318",
        "PROMETHEUS_URL": f"http://{STORE}:9090",
        "COLLECTOR_MEMORY_MIB": "200",
        "COLLECTOR_MEMORY_SPIKE_MIB": "40",
    }
    return [
        *(f"--env={key}={value}" for key, value in variables.items()),
        f"--volume={REPOSITORY / 'collector-config'}:/etc/otelcol:ro",
        f"--volume={token}:/run/secrets/token:ro",
        "--volume=collector-alone:/var/lib/otelcol",
        f"--publish=127.0.0.1:{port}:4318",
    ]


def test_it_runs_as_contribs_user_without_any_other_program(alone: Alone) -> None:
    described = alone.engine.inspect(COLLECTOR)
    assert described["Config"]["User"] == "10001:10001"
    wait_until(alone.healthy, "the image's own health command succeeds")
    process = Path(f"/proc/{alone.engine.inspect(COLLECTOR)['State']['Pid']}")
    files = {path.relative_to(process / "root").as_posix() for path in (process / "root").iterdir()}
    assert "otelcol-lms" in files
    assert not files & {"bin", "sbin", "usr", "lib"}


def test_it_takes_data_only_with_the_token_of_its_file(alone: Alone) -> None:
    wait_until(alone.healthy, "it is healthy")
    assert (alone.send("planted"), alone.send(alone.token)) == (401, 200)


def test_what_it_acknowledged_outlives_a_sigterm(alone: Alone) -> None:
    wait_until(alone.healthy, "it is healthy")
    alone.engine.podman("pause", STORE)
    assert alone.send(alone.token, POINTS) == 200
    alone.engine.podman("stop", "--time=60", COLLECTOR)
    assert alone.engine.inspect(COLLECTOR)["State"]["ExitCode"] == 0
    alone.engine.podman("unpause", STORE)
    alone.engine.podman("start", COLLECTOR)
    wait_until(lambda: alone.stored() == POINTS, "every point is stored")
