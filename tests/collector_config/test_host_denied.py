"""Host metrics where the machine's files cannot be read, as a container on SELinux or in a user namespace."""

from __future__ import annotations

from pathlib import Path

from tests.collector_config import collector
from tests.programs import wait_until


def test_host_metrics_that_are_denied_stop_nothing(tmp_path: Path) -> None:
    root = tmp_path / "host"
    root.mkdir()
    files = ["base.yaml", "mask.yaml", "host-metrics.yaml", "file.yaml"]
    given = {"HOST_ROOT": str(root), "HOST_METRICS_INTERVAL": "100ms"}
    with collector.running(files, tmp_path, **given) as running:
        # Five of the scrapers read files below the root.
        wait_until(lambda: running.log().count("Error scraping metrics") >= 10, running.log)
        assert running.send("metrics", {"resourceMetrics": []}).status_code == 200
        assert running.process.poll() is None
