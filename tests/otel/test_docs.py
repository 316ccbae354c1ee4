from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from otel.docs import main, render
from otel.metrics.catalogue import ANY_BOUNDED, Catalogue, Histogram
from otel.startup import catalogues
from tests.otel.asgi import request, websocket
from tests.otel.conftest import Configure
from tests.otel.receiver import receiver
from tests.otel.service import instrumented

WAIT = Histogram(
    "items.wait",
    unit="s",
    description="Waiting.",
    attributes={"room": ("a", "b"), "open": (True, False), "route": ANY_BOUNDED(limit=9)},
    buckets=(1, 2.5),
)
ITEMS = Catalogue("items", WAIT)
HERE = f"{__name__}:ITEMS"


def test_every_metric_is_in_the_reference_once() -> None:
    text = render([ITEMS])
    for catalogue in [ITEMS, *catalogues()]:
        for metric in catalogue:
            assert text.count(f"### `{metric.name}`\n") == 1


async def test_every_exported_metric_is_in_the_reference(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, TELEMETRY_RUNTIME_METRICS="on")
        app = instrumented()
        async with app.router.lifespan_context(app):
            app.state.release.set()
            for path in ("/stream", "/background", "/nowhere"):
                await request(app, path)
            await websocket(app, "/rooms/7", "hello")
            async with httpx.AsyncClient() as client:
                await client.post(collector.url, content=b"")
            assert telemetry.flush(10)
        assert telemetry.flush(10)
        sent = {
            metric.name
            for each in collector.metrics
            for resource in each.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }
    assert {"http.client.request.duration", "background_task.duration", "telemetry.series"} <= sent
    assert sent <= set(re.findall(r"^### `(.*)`$", render([]), re.MULTILINE))


def test_a_metric_is_described_completely() -> None:
    section = render([ITEMS]).split("### `items.wait`")[1].split("###")[0]
    for part in (
        "Waiting.",
        "histogram, `s`",
        "`items_wait_seconds`",
        "1, 2.5",
        "| `room` | `a`, `b` |",
        "| `open` | `true`, `false` |",
        "at most 9 different",
    ):
        assert part in section


def test_settings_are_listed_and_secrets_marked() -> None:
    text = render([])
    assert "| `TELEMETRY_LOG_LEVEL` | `info` |" in text
    assert "(secret)" in text.split("`SENTRY_DSN`")[1].splitlines()[0]


def test_check_detects_a_changed_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "telemetry.md"
    assert main([HERE, "--output", str(path)]) == 0
    assert main([HERE, "--output", str(path), "--check"]) == 0
    path.write_text(path.read_text() + "by hand\n")
    assert main([HERE, "--output", str(path), "--check"]) == 1
    assert "make generate" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["nowhere.at.all:X", f"{__name__}:HERE", f"{__name__}:missing", ""])
def test_a_wrong_path_is_rejected_by_name(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([path])
    assert f"argument catalogue: {path}" in capsys.readouterr().err


def test_check_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--check"])
    assert "--output" in capsys.readouterr().err
