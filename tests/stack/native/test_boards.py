"""What the part that shows the dashboards is given."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from stack.boards.settings import Settings, secret
from stack.native import boards
from stack.native.native_stack import NativeStack


def given(folder: Path, **theirs: str) -> tuple[NativeStack, Settings]:
    stack = NativeStack.scratch(folder / "data", theirs)
    boards.write(stack.environment, folder / "boards")
    return stack, Settings.from_env(boards.environment(stack.environment, folder / "boards"))


def test_it_asks_the_stacks_stores(tmp_path: Path) -> None:
    stack, settings = given(tmp_path)
    assert settings.listen == ("127.0.0.1", stack.environment.stack.port_grafana)
    assert settings.prometheus_url == stack.url("prometheus")
    assert settings.alertmanager_url == stack.url("alertmanager")
    assert settings.victorialogs_url == stack.url("victorialogs")
    assert settings.jaeger_url == settings.traces_web_url == stack.url("jaeger")
    assert secret(settings.password_file) == stack.environment.stack.grafana_password.get_secret_value()
    files = list((tmp_path / "boards" / "secrets").iterdir())
    assert {path.name for path in files} == {"password", "stores_password", "victorialogs_password"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_it_asks_the_users_own_loki(tmp_path: Path) -> None:
    stack, settings = given(tmp_path, LOKI_URL="http://loki.example")
    assert (settings.loki_url, settings.victorialogs_url) == ("http://loki.example", None)
    assert "victorialogs" not in {part.name for part in stack.parts()}


@pytest.mark.parametrize("key", ["LMS_TEMPO_URL", "LMS_PROMETHEUS_URL"])
def test_a_store_of_the_users_own_gets_no_password_of_ours(tmp_path: Path, key: str) -> None:
    _, settings = given(tmp_path, **{key: "http://store.example"})
    assert getattr(settings, key.removeprefix("LMS_").lower()) == "http://store.example"
    assert settings.stores_password_file is settings.victorialogs_password_file is None
    assert [path.name for path in (tmp_path / "boards" / "secrets").iterdir()] == ["password"]


def test_people_are_led_to_addresses_that_they_can_open(tmp_path: Path) -> None:
    web = {
        "STACK_ALERTMANAGER_URL": "https://alerts.example",
        "LMS_JAEGER_WEB_URL": "https://traces.example",
        "STACK_VICTORIALOGS_WEB_URL": "https://logs.example",
    }
    _, settings = given(tmp_path, **web)
    shown = (settings.alertmanager_web_url, settings.traces_web_url, settings.logs_web_url)
    assert shown == tuple(web.values())
