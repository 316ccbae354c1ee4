"""Prometheus' and Loki's configurations, by their real checkers, and the time windows between them."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from collector_kit.limits import WindowsError, seconds, size
from stack import windows
from stack.native.tools import tool_path
from stack.settings import REPOSITORY
from tests.collector_config import stores


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=60)


def test_promtool_accepts_prometheus_configuration(tmp_path: Path) -> None:
    file = stores.prometheus_tree(tmp_path / "etc", {"collector": ["127.0.0.1:8888"]})
    done = _run(tool_path("promtool"), "check", "config", "--lint=all", "--lint-fatal", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_loki_runs_with_what_its_configuration_says() -> None:
    """A name that it did not know would have stopped it; a value that it reads otherwise is found here."""
    url = stores.loki()
    runs = dict(_leaves(yaml.safe_load(httpx.get(f"{url}/config", timeout=10).text)))
    written = dict(_leaves(yaml.safe_load(stores.LOKI.read_text())))
    fixed = {place: value for place, value in written.items() if "${" not in str(value)}
    assert len(fixed) > 20
    assert {place: _plain(runs.get(place, False)) for place in fixed} == {
        place: _plain(value) for place, value in fixed.items()
    }


def _leaves(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - YAML is of any type
    """Yields each value that is no map and no list, by its place."""
    if isinstance(node, dict):
        for key, each in node.items():
            yield from _leaves(each, f"{place}/{key}")
    elif not isinstance(node, list):
        yield place, node


def _plain(value: object) -> object:
    """Returns durations as seconds and sizes as bytes, since Loki spells them in its own way."""
    for read in (seconds, size):
        with contextlib.suppress(WindowsError):
            return read(value)
    return value


def test_the_windows_agree_as_the_files_are() -> None:
    broken = [rule.text for rule in windows.rules(REPOSITORY, {}) if not rule.holds()]
    assert broken == []
    assert windows.main(["--quiet"]) == 0


@pytest.fixture(name="copy")
def _copy(tmp_path: Path) -> Path:
    for name in ("collector-config", "stack/prometheus", "stack/loki", "stack/tempo"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("distribution"))
    return tmp_path


PROMETHEUS, LOKI = "stack/prometheus/prometheus.yml", "stack/loki/loki.yml"
TEMPO = "stack/tempo/tempo.yaml"
BASE, LOGS, METRICS, NEXT = (
    f"collector-config/{name}.yaml" for name in ("base", "loki", "prometheus", "otlp")
)
# Possible changes (file, old, new), and the relations that the checker must then report as broken.
DISAGREEMENTS = [
    (PROMETHEUS, "time_window: 6h30m", "time_window: 30m", "out_of_order_time_window (s)"),
    (PROMETHEUS, "time_window: 6h30m", "time_window: 6h1m", "queue + PROMETHEUS_AHEAD"),
    (METRICS, "AHEAD:-9m", "AHEAD:-31m", "PROMETHEUS_OLDEST + PROMETHEUS_AHEAD"),
    (METRICS, "OLDEST:-360m", "OLDEST:-5h", "agent's fullest queue"),
    (LOKI, "max_chunk_age: 13h", "max_chunk_age: 2h", "half of max_chunk_age"),
    (LOKI, "grace_period: 10m", "grace_period: 2h", "half of max_chunk_age"),
    (LOKI, "max_age: 168h", "max_age: 1h", "reject_old_samples_max_age"),
    (LOKI, "LOKI_RETENTION:-168h", "LOKI_RETENTION:-2h", "Loki's retention_period"),
    (LOKI, "max_line_size: 256KB", "max_line_size: 32KB", "max_line_size"),
    (TEMPO, "range_slack: 6h\n  shutdown", "range_slack: 2m\n  shutdown", "live_store slack"),
    (TEMPO, "range_slack: 6h\n    local", "range_slack: 2m\n    local", "storage slack"),
    (TEMPO, "TEMPO_RETENTION:-168h", "TEMPO_RETENTION:-2h", "Tempo's block_retention"),
    (TEMPO, "bytes: 16384", "bytes: 2048", "span attributes"),
    ("collector-config/windows.yml", "outage: 5h", "outage: 3d", "the outage"),
    (LOGS, ":-536870912", ":-1048576", "the outage"),
    (LOGS, "elapsed_time: 0s", "elapsed_time: 300s", "max_elapsed_time"),
    (LOGS, "      storage: file_storage/queues\n", "", "its queue is on disk"),
    (LOGS, "      sizer: bytes\n", "      sizer: items\n", "count bytes"),
    (LOGS, "block_on_overflow: false", "block_on_overflow: true", "a full queue refuses"),
    (METRICS, ":-536870912", ":-3221225472", "Prometheus' size limit"),
    (NEXT, "max_size: 2097152", "max_size: 8388608", "body limit"),
    (BASE, ":-2147483648", ":-1073741824", "file_storage max_size"),
    (BASE, "fsync: true", "fsync: false", "file_storage/queues: fsync"),
    (BASE, "recreate: true", "recreate: false", "recreate"),
    (BASE, "create_directory: true", "create_directory: false", "file_storage/queues: create_directory"),
    (BASE, "on_start: true", "on_start: false", "compaction.on_start"),
    (BASE, "on_rebound: true", "on_rebound: false", "compaction.on_rebound"),
    (BASE, "cleanup_on_start: true", "cleanup_on_start: false", "compaction.cleanup_on_start"),
]
# Stack settings whose retention or limits differ from the files.
VARIABLES = [
    ({"STACK_RETENTION_METRICS": "2h"}, "Prometheus' retention"),
    ({"STACK_RETENTION_LOGS": "2h"}, "the log store's retention"),
    ({"STACK_LOGS_MAX_MB": "256"}, "otlp_http/victorialogs: the queue <= its size limit"),
    ({"STACK_RETENTION_TRACES": "2h"}, "Jaeger's retention"),
    ({"STACK_METRICS_MAX_MB": "256"}, "Prometheus' size limit"),
    ({"COLLECTOR_TRACES_QUEUE_BYTES": "1048576"}, "the outage"),
    ({"PROMETHEUS_OLDEST": "8h"}, "PROMETHEUS_OLDEST + PROMETHEUS_AHEAD"),
]


def _broken(repository: Path, environ: Mapping[str, str]) -> list[str]:
    return [rule.text for rule in windows.rules(repository, environ) if not rule.holds()]


@pytest.mark.parametrize(("file", "old", "new", "says"), DISAGREEMENTS)
def test_a_window_that_disagrees_is_found(copy: Path, file: str, old: str, new: str, says: str) -> None:
    path = copy / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert [text for text in _broken(copy, {}) if says in text]


@pytest.mark.parametrize(("variables", "says"), VARIABLES)
def test_the_environment_counts_as_well(variables: dict[str, str], says: str) -> None:
    assert [text for text in _broken(REPOSITORY, variables) if says in text]


def test_every_relation_is_broken_by_a_case_above() -> None:
    said = [*(says for *_rest, says in DISAGREEMENTS), *(says for _given, says in VARIABLES)]
    untested = [rule.text for rule in windows.rules(REPOSITORY, {}) if not any(s in rule.text for s in said)]
    assert untested == []


@pytest.mark.parametrize("text", ["6", "h", "6 hours", "", None])
def test_an_invalid_duration_is_named(text: object) -> None:
    with pytest.raises(WindowsError, match="is not a duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("1h30m", 5400), ("0s", 0), ("168h", 604800), ("15d", 1296000)]
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(("text", "expected"), [(10, 10), ("256KB", 262144), ("1GiB", 1073741824)])
def test_sizes(text: object, expected: int) -> None:
    assert size(text) == expected
