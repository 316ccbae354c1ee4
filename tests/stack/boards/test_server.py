"""Who may look, what a browser may do with it, and that it sends no queries."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from stack.boards.access import ATTEMPTS, COOKIE
from stack.boards.pages import WEB
from stack.boards.server import HEADERS, POLICY
from stack.settings import REPOSITORY
from tests.stack.boards.serving import PASSWORD, log_in, panel, served, settings, write_board

PANEL = "/api/boards/a-board/panels/1"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    write_board(tmp_path / "boards", panel(1, "stat", {"expr": "up", "instant": True}))
    async with served(settings(tmp_path), tmp_path / "boards") as found:
        yield found


@pytest.mark.parametrize(
    "path", ["/", "/d/a-board?from=now-1h&var-job=x%26y", "/dashboards", "/explore", "/nothing"]
)
async def test_a_page_leads_to_the_login_and_back(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 303
    login = urlsplit(answer.headers["Location"])
    assert (login.path, parse_qs(login.query)["next"]) == ("/login", [path])
    back = await client.post(answer.headers["Location"], data={"user": "admin", "password": PASSWORD})
    assert (back.status_code, back.headers["Location"]) == (303, path)


@pytest.mark.parametrize(
    "path",
    [
        "/api/boards/a-board",
        PANEL,
        "/api/boards/a-board/notes",
        "/static/boards.js",
        "/static/plotly.min.js",
        "/api/",
    ],
)
async def test_nothing_else_is_served_to_everybody(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 401
    assert (await client.post(path)).status_code == 401


async def test_the_probe_and_the_login_are_for_everybody(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/health")).json() == {"status": "ok"}
    assert (await client.get("/api/session")).json() == {"known": False}
    for path in ("/login", "/static/boards.css", "/static/login.js"):
        assert (await client.get(path)).status_code == 200
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/static/board.html"):
        assert (await client.get(path)).status_code in {303, 401, 404}


async def test_the_cookie_is_for_this_server_alone(client: httpx.AsyncClient) -> None:
    answer = await log_in(client)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"httponly", "samesite=strict", "path=/"} <= {each.strip().lower() for each in cookie.split(";")}
    assert PASSWORD not in cookie
    assert (await client.get("/api/session")).json() == {"known": True}
    assert (await client.get("/d/a-board")).status_code == 200
    assert (await client.get("/api/boards/a-board")).status_code == 200
    await client.post("/logout")
    assert (await client.get("/api/boards/a-board")).status_code == 401


async def test_attempts_are_limited(client: httpx.AsyncClient) -> None:
    for _ in range(ATTEMPTS):
        refused = await log_in(client, "wrong")
        assert refused.status_code == 401
        assert "Set-Cookie" not in refused.headers
    answer = await log_in(client)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3001"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:3000"},
    ],
)
async def test_another_site_uses_up_no_attempts(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for _ in range(ATTEMPTS):
        data = {"user": "admin", "password": "wrong"}
        assert (await client.post("/login", data=data, headers=headers)).status_code == 403
    ours = {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-origin"}
    client.headers.update(ours)
    assert (await log_in(client)).status_code == 303


async def test_logging_out_ends_the_session(client: httpx.AsyncClient) -> None:
    cookie = (await log_in(client)).cookies[COOKIE]
    await client.post("/logout")
    client.cookies.set(COOKIE, cookie)
    assert (await client.get("/api/boards/a-board")).status_code == 401
    again = await client.post("/logout")  # as in another tab, or after the session's twelve hours
    assert (again.status_code, again.headers["Location"]) == (303, "/login")


@pytest.mark.parametrize(
    ("status", "host"),
    [(400, "evil.example"), (200, "127.0.0.1"), (200, "localhost:3000"), (200, "[::1]:3000"), (400, "")],
)
async def test_the_server_answers_to_its_own_names(client: httpx.AsyncClient, host: str, status: int) -> None:
    assert (await client.get("/api/health", headers={"Host": host})).status_code == status


async def test_at_every_address_any_name_will_do(tmp_path: Path) -> None:
    write_board(tmp_path / "boards")
    async with served(settings(tmp_path, listen="0.0.0.0:3000"), tmp_path / "boards") as client:
        assert (await client.get("/api/health", headers={"Host": "boards.example"})).status_code == 200


async def test_a_huge_form_is_no_login(client: httpx.AsyncClient) -> None:
    data = {"user": "admin", "password": PASSWORD, "more": "x" * 5000}
    assert (await client.post("/login", data=data)).status_code == 401


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "https://evil.example", "/\tx", ""])
async def test_the_login_leads_nowhere_else(client: httpx.AsyncClient, target: str) -> None:
    answer = await client.post(
        "/login", params={"next": target}, data={"user": "admin", "password": PASSWORD}
    )
    assert answer.headers["Location"] == "/"


async def test_every_answer_is_protected(client: httpx.AsyncClient) -> None:
    paths = ("/api/health", "/login", "/d/a-board", PANEL, "/static/boards.js", "/nothing")
    anonymous = [await client.get(path) for path in paths]
    await log_in(client)
    for answer in [*anonymous, *[await client.get(path) for path in paths]]:
        assert {name: answer.headers.get(name) for name in HEADERS} == dict(HEADERS), answer.url
    directives = dict(each.split(" ", 1) for each in POLICY.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["connect-src"] == "'self'"
    assert directives["frame-ancestors"] == directives["base-uri"] == "'none'"


async def test_pages_have_no_scripts_of_their_own(client: httpx.AsyncClient) -> None:
    await log_in(client)
    for path in ("/login", "/d/a-board", "/dashboards", "/d/nothing"):
        text = (await client.get(path)).text
        assert re.findall(r"<script(?![^>]*\bsrc=)|\son\w+=|javascript:", text) == []
        sources = re.findall(r'(?:src|href)="([^"]+)"', text)
        assert all(each.startswith("/") for each in sources), sources
    for script in WEB.glob("*.js"):
        assert (
            re.findall(r"\beval\(|new Function|document\.write|insertAdjacentHTML", script.read_text()) == []
        )


async def test_titles_are_text(tmp_path: Path) -> None:
    title = '<script>alert(1)</script> & "so"'
    write_board(tmp_path / "boards", panel(1, "text"), title=title, description=title)
    async with served(settings(tmp_path), tmp_path / "boards") as client:
        await log_in(client)
        for path in ("/d/a-board", "/dashboards"):
            text = (await client.get(path)).text
            assert "<script>alert" not in text
            assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;so&quot;" in text


async def test_a_board_says_that_it_is_a_stand_in_and_what_it_lacks(client: httpx.AsyncClient) -> None:
    await log_in(client)
    text = " ".join((await client.get("/d/a-board")).text.split())
    assert "Stand-in for Grafana" in text
    assert "It has no editing, no alert rules to edit, no plugins" in text


async def test_plotly_is_served_out_of_its_wheel(client: httpx.AsyncClient) -> None:
    await log_in(client)
    [path] = re.findall(r'"(/static/plotly-[^"]+)"', (await client.get("/d/a-board")).text)
    answer = await client.get(path)
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.text.lstrip().startswith("/**\n* plotly.js v")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=yesterday", "'yesterday' is no time"),
        ("from=now-365d", "cannot be shown"),
        ("from=now&to=now-1h", "cannot be shown"),
    ],
)
async def test_a_range_that_is_none_is_refused(client: httpx.AsyncClient, query: str, said: str) -> None:
    await log_in(client)
    for path in (PANEL, "/api/boards/a-board"):
        answer = await client.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert said in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/boards/nothing",
        "/api/boards/a-board/panels/2",
        "/api/boards/nothing/panels/1",
        "/api/boards/nothing/notes",
    ],
)
async def test_what_does_not_exist_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    await log_in(client)
    assert (await client.get(path)).status_code == 404


async def test_no_password_reaches_the_browser(tmp_path: Path) -> None:
    (tmp_path / "stores").write_text("the stores' password")
    write_board(tmp_path / "boards", panel(1, "stat", {"expr": "up"}), panel(2, "logs", {"expr": "{a=`b`}"}))
    found = settings(
        tmp_path, stores_password_file=tmp_path / "stores", victorialogs_password_file=tmp_path / "stores"
    )
    async with served(found, tmp_path / "boards") as client:
        await log_in(client)
        for path in ("/d/a-board", "/api/boards/a-board", PANEL, "/api/boards/a-board/panels/2"):
            answer = await client.get(path)
            assert "password" not in answer.text.lower().replace("stack_grafana_password", "")


async def test_links_to_explore_lead_on(client: httpx.AsyncClient) -> None:
    await log_in(client)
    assert (await client.get("/explore", params={"panes": "{}"})).headers["Location"] == "/dashboards"


def test_the_pages_name_what_exists() -> None:
    text = "".join(path.read_text() for path in WEB.glob("*.html"))
    assert (REPOSITORY / "docs" / "dashboards.md").exists()
    assert set(re.findall(r"STACK_\w+", text)) == {"STACK_GRAFANA_PASSWORD"}
