"""Pages that open from the disk, and their pictures."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from stack.boards import preview
from stack.boards.__main__ import _chosen, main
from stack.boards.dashboards import FOLDER, load
from stack.boards.preview import PreviewError, Span
from stack.boards.running import settings as of_the_stack
from stack.native import boards as native
from stack.native.native_stack import NativeStack
from tests.programs import wait_until
from tests.stack.boards.serving import panel, scraped, settings, write_board

TRACE = '{"a":{"queries":[{"query":"0af7651916cd43dd8448eb211c80319c"}]}}'
UP = {"expr": "up", "legendFormat": "{{job}}"}
PANELS = [
    panel(1, "timeseries", UP),
    panel(
        2,
        "stat",
        UP | {"instant": True},
        links=[
            {"title": "Itself", "url": "/d/a-board?${__url_time_range}"},
            {"title": "Another board", "url": "/d/another"},
            {"title": "Silences", "url": "/alerting/silences?alertmanager=Alertmanager"},
            {"title": "A trace", "url": f"/explore?panes={quote(TRACE)}"},
            {"title": "Explore", "url": "/explore?panes={}"},
        ],
    ),
    panel(3, "alertlist"),
    panel(4, "text", options={"content": "[boards](/dashboards), [this](/d/a-board?a=1&b=2)"}),
]


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with scraped(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


async def written(tmp_path: Path, url: str, said: list[str]) -> Path:
    write_board(tmp_path / "boards", *PANELS)
    boards = load(tmp_path / "boards")
    web = {"alertmanager_web_url": "https://alerts.example", "traces_web_url": "https://traces.example"}
    found = settings(tmp_path, url, **web)
    [page] = await preview.pages(boards, found, Span("now-5m", "now"), tmp_path / "out", said.append)
    return page


def answers(page: Path) -> dict[str, Any]:
    script = page.with_suffix(".js").read_text()
    return dict(json.loads(script.removeprefix("window.PREVIEW = ").removesuffix(";\n"))["answers"])


async def test_a_page_has_its_answers_beside_it(tmp_path: Path, prometheus_url: str) -> None:
    said: list[str] = []
    page = await written(tmp_path, prometheus_url, said)
    assert said == ["[1/1] A board"]
    text = page.read_text()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert {each for each in addresses if not (page.parent / each).is_file()} == set()
    assert any(each.startswith("static/plotly-") for each in addresses)
    script = page.with_suffix(".js").read_text()
    found = answers(page)
    assert found[""]["title"] == "A board"
    assert found["/panels/2"]["values"][0]["text"] == "1"
    assert found["/panels/3"]["text"].startswith("Alertmanager is away")
    assert str(tmp_path / "password") not in script


async def test_links_that_need_the_server_lead_to_files_or_stores(
    tmp_path: Path, prometheus_url: str
) -> None:
    found = answers(await written(tmp_path, prometheus_url, []))
    [links] = [each["links"] for row in found[""]["rows"] for each in row["panels"] if each["links"]]
    assert links == [
        {"title": "Itself", "url": "a-board.html"},
        {"title": "Silences", "url": "https://alerts.example/#/silences"},
        {"title": "A trace", "url": "https://traces.example/trace/0af7651916cd43dd8448eb211c80319c"},
    ]
    assert found["/panels/4"]["html"] == '<p><a>boards</a>, <a href="a-board.html">this</a></p>\n'


async def test_a_preview_replaces_the_one_before_it(tmp_path: Path, prometheus_url: str) -> None:
    page = await written(tmp_path, prometheus_url, [])
    (tmp_path / "out" / "gone.html").touch()
    assert await written(tmp_path, prometheus_url, []) == page
    assert not (tmp_path / "out" / "gone.html").exists()


async def test_a_preview_is_for_its_owner_alone(tmp_path: Path, prometheus_url: str) -> None:
    page = await written(tmp_path, prometheus_url, [])
    assert page.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("precious", "said"),
    [("out/notes.txt", "which is not empty and no preview"), ("out", "which is a file: name a folder")],
)
async def test_nothing_else_is_replaced(tmp_path: Path, precious: str, said: str) -> None:
    (tmp_path / precious).parent.mkdir(exist_ok=True)
    (tmp_path / precious).write_text("precious")
    with pytest.raises(PreviewError, match=said):
        await written(tmp_path, "", [])
    assert (tmp_path / precious).read_text() == "precious"


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PreviewError, match=r"--out is .*file/out: .*Name a folder that can be written"):
        await preview.pages([], settings(tmp_path), Span(), tmp_path / "file" / "out", print)


def test_an_interrupt_leaves_what_was_there(tmp_path: Path, prometheus_url: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / preview.MARK).touch()
    write_board(tmp_path / "boards", *PANELS)
    boards, found = load(tmp_path / "boards"), settings(tmp_path, prometheus_url)

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(preview.pages(boards, found, Span(), tmp_path / "out", interrupt))
    assert [path.name for path in (tmp_path / "out").iterdir()] == [preview.MARK]
    assert {path.name for path in tmp_path.iterdir()} == {"boards", "out", "password"}


async def test_a_picture_is_taken_where_a_browser_is(tmp_path: Path, prometheus_url: str) -> None:
    program = preview.browser()
    if program is None:
        pytest.skip("no Chromium (Debian: apt install chromium)")
    page = await written(tmp_path, prometheus_url, [])
    picture = preview.picture(page, load(tmp_path / "boards")[0], program).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20]) == preview.WIDTH
    assert len(picture) > 10_000  # an empty page has 5 kB


async def test_a_browser_that_takes_no_picture_is_named(tmp_path: Path, prometheus_url: str) -> None:
    page = await written(tmp_path, prometheus_url, [])
    with pytest.raises(PreviewError, match=r"^/bin/false took no picture of a-board\.html"):
        preview.picture(page, load(tmp_path / "boards")[0], "/bin/false")


def test_without_a_browser_there_are_pages_and_a_sentence(
    tmp_path: Path, prometheus_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started = NativeStack.scratch(tmp_path / "stack", {"LMS_PROMETHEUS_URL": prometheus_url}).environment
    native.write(started, started.stack.folder / "etc" / native.NAME)
    values = started.with_prefixes("LMS_", "STACK_")
    (tmp_path / ".env").write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    monkeypatch.setattr(of_the_stack, "__defaults__", (tmp_path / ".env",))
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "out"
    assert main(["preview", "--board", "lms-api", "--from", "now-5m", "--out", str(out)]) == 0
    assert answers(out / "lms-api.html")[""]["title"] == "API performance"
    assert list(out.glob("*.png")) == []
    assert capsys.readouterr().out.splitlines() == [
        "[1/1] API performance",
        f"The pages are in {out}: open {out / 'lms-api.html'} in a browser.",
        "There are no pictures, for want of Chromium (Debian: apt install chromium).",
    ]


def test_a_board_that_does_not_exist_is_named() -> None:
    with pytest.raises(PreviewError, match=r"There is no board 'nothing': name one of lms-api, "):
        _chosen("nothing", FOLDER)


def test_a_wrong_setting_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text("STACK_PORT_GRAFANA=none\n")
    monkeypatch.setattr(of_the_stack, "__defaults__", (tmp_path / ".env",))
    assert main(["preview", "--board", "lms-api", "--out", str(tmp_path / "out")]) == 1
    assert "STACK_PORT_GRAFANA" in capsys.readouterr().err


def test_no_process_of_a_browser_stays(tmp_path: Path) -> None:
    helper = f"tail -f /dev/null 2> /dev/null & echo $! > {tmp_path}/helper; exit 3"
    assert preview._run(["/bin/sh", "-c", helper])[0] == 3
    helper_status = Path(f"/proc/{(tmp_path / 'helper').read_text().strip()}/status")
    wait_until(
        lambda: not helper_status.exists() or "zombie" in helper_status.read_text(), "the helper has ended"
    )


def test_a_stack_that_was_not_started_is_named(tmp_path: Path) -> None:
    with pytest.raises(PreviewError, match=r"`STACK=native make up` writes it and starts the stack"):
        of_the_stack(tmp_path / ".env")
