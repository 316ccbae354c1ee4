"""The data folder: assembled, shown, removed, and never anyone else's folder."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml

from stack.native.assemble import MARKER, assemble, prepare_folder
from stack.native.bugsink import template
from stack.native.down import clean, down
from stack.native.lock import exclusive
from stack.native.logs import Tail, logs
from stack.native.native_stack import NativeStack
from stack.native.session import Session
from stack.native.supervisor import StackError
from stack.native.tools import tool_path
from stack.settings import SettingsError


@pytest.fixture
def assembled(tmp_path: Path) -> NativeStack:
    template.ensure(tool_path("bugsink-python"))
    stack = NativeStack.scratch(tmp_path / "data")
    prepare_folder(stack.folder)
    assemble(stack.plan)
    return stack


def test_only_the_owner_can_read_the_folder_and_the_secrets(assembled: NativeStack) -> None:
    assert stat.S_IMODE(assembled.folder.stat().st_mode) == 0o700
    holding = [*assembled.plan.etc.rglob("secrets/*"), assembled.plan.etc / "process-compose.yaml"]
    assert len(holding) >= 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in holding} == {0o600}


def test_every_scrape_job_has_its_targets_file(assembled: NativeStack) -> None:
    folder = assembled.plan.etc / "prometheus"
    jobs = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"]
    files = {name for job in jobs for sd in job["file_sd_configs"] for name in sd["files"]}
    assert {name for name in files if not (folder / name).is_file()} == set()
    lms = json.loads((folder / "targets" / "lms.json").read_text())
    assert lms == [{"targets": [f"127.0.0.1:{assembled.environment.app.port}"]}]


def test_changes_to_the_copies_are_overwritten(assembled: NativeStack) -> None:
    stale = assembled.plan.etc / "prometheus" / "rules" / "gone.yml"
    stale.write_text("groups: []")
    assemble(assembled.plan)
    assert not stale.exists()


def test_bugsinks_data_is_not_replaced(assembled: NativeStack) -> None:
    database = assembled.folder / "bugsink" / "db.sqlite3"
    database.write_bytes(b"issues")
    assemble(assembled.plan)
    assert database.read_bytes() == b"issues"


def test_a_folder_with_other_content_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SettingsError, match="is not empty and not this stack's"):
        prepare_folder(tmp_path)
    with pytest.raises(StackError, match="was not made by this stack"):
        clean(tmp_path, None, force=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_file_as_data_folder_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(SettingsError, match="cannot be used"):
        prepare_folder(path)


def test_clean_names_the_folder_and_removes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_folder(tmp_path / "data")
    clean(tmp_path / "data", None, force=True)
    assert f"This removes {tmp_path / 'data'} (" in capsys.readouterr().out
    assert not (tmp_path / "data").exists()


def test_clean_without_a_terminal_removes_nothing(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "data")
    with pytest.raises(StackError, match="FORCE=1"):
        clean(tmp_path / "data", None, force=False)
    assert (tmp_path / "data" / MARKER).exists()


def test_a_folder_is_locked_against_a_second_command(assembled: NativeStack) -> None:
    folder = assembled.folder
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as living:
        Session.of(living.pid).save(folder / "run" / "session.json")
        try:
            with exclusive(folder):
                removes = partial(clean, folder, None, force=True)
                for command in (assembled.start, partial(down, folder), removes):
                    with pytest.raises(StackError, match="Another command is starting, stopping or removing"):
                        command()
            assert living.poll() is None
            down(folder)
            assert living.wait(30) == -signal.SIGTERM
        finally:
            living.kill()


def test_logs_show_one_part_or_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "app.log").write_text("one\ntwo\n")
    (tmp_path / "logs" / "redis.log").write_text("three\n")
    logs(tmp_path, "app", follow=False)
    assert capsys.readouterr().out == "one\ntwo\n"
    logs(tmp_path, None, follow=False)
    assert capsys.readouterr().out == "app   | one\napp   | two\nredis | three\n"
    with pytest.raises(StackError, match="PART may be app, redis"):
        logs(tmp_path, "nonsense", follow=False)


def test_logs_show_no_secret_of_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Telegram's address, which Alertmanager logs when it cannot be reached, contains the bot's token."""
    secrets = tmp_path / "etc" / "alertmanager" / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "telegram_bot_token").write_text("123456:planted\n")
    (secrets / "webhook_urls_1").write_text("https://bot.example/bot123456:planted/x?a=1&b=2")
    (secrets / "mail_password").write_text('pla"nted')
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "alertmanager.log").write_text(
        'err="Post \\"https://api.telegram.org/bot123456:planted/sendMessage\\": EOF"\n'
        "err=https://bot.example/bot123456:planted/x?a=1&b=2: EOF\n"
        '{"err": "login pla\\"nted"}\n'
    )
    logs(tmp_path, None, follow=False)
    assert capsys.readouterr().out == (
        'err="Post \\"https://api.telegram.org/bot<secret>/sendMessage\\": EOF"\n'
        "err=<secret>: EOF\n"
        '{"err": "login <secret>"}\n'
    )


def test_logs_exit_cleanly_on_an_interrupt(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    (tmp_path / "logs" / "app.log").write_text("one\n")
    command = [sys.executable, "-m", "stack", "logs", "app"]
    environ = {**os.environ, "STACK": "native", "STACK_DATA_DIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"one\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == (b"\n", b"")
    assert process.returncode == 0


def test_a_part_that_has_written_nothing_is_no_mistake(
    assembled: NativeStack, capsys: pytest.CaptureFixture[str]
) -> None:
    logs(assembled.folder, "canary", follow=False)
    assert capsys.readouterr().out == "canary has written nothing yet.\n"
    with pytest.raises(StackError, match="There are no logs yet"):
        logs(assembled.folder, "nonsense", follow=False)


def test_the_first_line_of_a_part_is_shown(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "canary.log")
    assert tail.last(5) == []
    assert list(tail.new()) == []
    (tmp_path / "canary.log").write_text("new\n")
    assert list(tail.new()) == ["new\n"]
    tail.close()


def test_a_rotated_log_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("old\n")
    tail = Tail(path)
    assert tail.last(5) == ["old\n"]
    path.rename(tmp_path / "app-1.log")
    path.write_text("")
    assert list(tail.new()) == []
    path.write_text("new\n")
    assert list(tail.new()) == ["new\n"]
    tail.close()
