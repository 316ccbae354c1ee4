"""`.env` from a user's perspective: written once, rejected with a clear sentence, never shown."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from stack import dotenv_file
from stack.environment import check, example, load, write
from stack.generated import stale
from stack.settings import SettingsError
from stack.variables import generate, required, sections


@pytest.fixture
def dotenv(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    write(path)
    return path


def test_a_fresh_file_is_complete_and_private_to_its_owner(dotenv: Path) -> None:
    environment = load(dotenv, {})
    assert stat.S_IMODE(dotenv.stat().st_mode) == 0o600
    assert environment.stack.port_jaeger == 16686
    assert environment.app.port == 8000


def test_every_file_gets_new_secrets(tmp_path: Path, dotenv: Path) -> None:
    write(tmp_path / "other")
    one, other = dotenv_file.read(dotenv), dotenv_file.read(tmp_path / "other")
    assert one.keys() == other.keys() == {each.key for each in required()}
    assert not set(one.values()) & set(other.values())


def test_a_missing_secret_is_added_and_nothing_else_changes(dotenv: Path) -> None:
    lines = dotenv.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("STACK_REDIS_PASSWORD=")]
    dotenv.write_text("\n".join(kept))
    assert write(dotenv) == ["STACK_REDIS_PASSWORD"]
    assert dotenv.read_text().splitlines()[:-1] == kept
    assert write(dotenv) == []
    assert stat.S_IMODE(dotenv.stat().st_mode) == 0o600


def test_the_shell_overrides_the_file(dotenv: Path) -> None:
    dotenv_file.append(dotenv, {"STACK_PORT_JAEGER": "3200"})
    assert load(dotenv, {}).stack.port_jaeger == 3200
    assert load(dotenv, {"STACK_PORT_JAEGER": "3300"}).stack.port_jaeger == 3300


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("STACK_PORT_JAGER", "16686", "STACK_PORT_JAGER is not a setting: did you mean STACK_PORT_JAEGER?"),
        ("COLOUR", "red", ".env: COLOUR is not a setting: remove it."),
        ("STACK_PORT_JAEGER", "hundred", "STACK_PORT_JAEGER is not valid"),
        ("STACK_PORT_JAEGER", "70000", "STACK_PORT_JAEGER is not valid"),
        ("STACK_PORT_JAEGER", "9090", "STACK_PORT_PROMETHEUS and STACK_PORT_JAEGER are both port 9090"),
        ("STACK_RETENTION_LOGS", "a week", "STACK_RETENTION_LOGS is not valid: must be hours or days"),
        ("STACK_MAIL_TO", "ops@lms.example", "STACK_MAIL_TO needs STACK_MAIL_SMARTHOST"),
        ("LMS_PROT", "8000", "LMS_PROT is not a setting: did you mean LMS_PORT?"),
        ("TELEMETRY_LOG_LEVEL", "loud", "TELEMETRY_LOG_LEVEL"),
    ],
)
def test_a_mistake_is_reported_with_its_fix(dotenv: Path, key: str, value: str, sentence: str) -> None:
    dotenv_file.append(dotenv, {key: value})
    with pytest.raises(SettingsError) as refusal:
        load(dotenv, {})
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("value", ["", " ", "\t "])
def test_a_blank_value_counts_as_unset(dotenv: Path, value: str) -> None:
    blank = {
        each.key: value for section in sections() for each in section.variables if each.default is not None
    }
    with_blanks, without = load(dotenv, blank), load(dotenv, {})
    assert (with_blanks.app, with_blanks.stack) == (without.app, without.stack)
    assert [key for key in blank if with_blanks.given(key)] == []
    assert blank.items() & with_blanks.with_prefixes("LMS_", "STACK_", "OTEL_", "TELEMETRY_").items() == set()


def test_all_mistakes_are_reported_at_once(dotenv: Path) -> None:
    wrong = {"STACK_PORT_JAEGER": "x", "LMS_PORT": "y", "TELEMETRY_LOG_LEVEL": "z", "FOO": "1"}
    dotenv_file.append(dotenv, wrong)
    with pytest.raises(SettingsError) as refusal:
        load(dotenv, {})
    assert [key for key in wrong if key not in str(refusal.value)] == []


@pytest.mark.parametrize("key", [each.key for each in required()])
def test_a_missing_secret_is_reported_with_the_command_that_adds_it(dotenv: Path, key: str) -> None:
    values = {name: value for name, value in dotenv_file.read(dotenv).items() if name != key}
    with pytest.raises(SettingsError) as refusal:
        check(values)
    first, remedy = str(refusal.value).splitlines()
    assert first.startswith(f"{key} is missing")
    assert "`.venv/bin/python -m stack.environment write`" in remedy


def test_an_error_never_shows_a_secret(dotenv: Path) -> None:
    planted = "short"
    values = dotenv_file.read(dotenv) | {each.key: planted for each in required()}
    with pytest.raises(SettingsError) as refusal:
        check(values)
    assert planted not in str(refusal.value).replace("too short", "")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("no equals sign", "line 2: this is not KEY=value"),
        ("A='open", "line 2: this is not KEY=value"),
        ("A", "line 2: A has no `=`"),
        ("B=again", "line 2: B is given a second time"),
    ],
)
def test_a_malformed_line_is_reported_by_number(tmp_path: Path, line: str, sentence: str) -> None:
    path = tmp_path / ".env"
    path.write_text(f"B=hidden\n{line}\n")
    with pytest.raises(SettingsError, match=sentence) as refusal:
        dotenv_file.read(path)
    assert "hidden" not in str(refusal.value)


def test_one_value_can_be_read_from_a_malformed_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("no equals sign\nSTACK_DATA_DIR=/data\nA='open\n")
    assert dotenv_file.peek(path, "STACK_DATA_DIR") == "/data"
    assert dotenv_file.peek(tmp_path / "none", "STACK_DATA_DIR") is None


def test_the_example_names_every_key_and_contains_no_secret() -> None:
    text = example()
    for each in required():
        assert f"\n{each.key}=\n" in text
    assert "\n# STACK_PORT_JAEGER=16686\n" in text
    assert "\n# LMS_PORT=8000\n" in text
    assert "\n# TELEMETRY_LOG_LEVEL=info\n" in text


def test_an_uncommented_default_is_accepted(dotenv: Path) -> None:
    shown = [line.removeprefix("# ") for line in example().splitlines() if line.startswith("# ")]
    prefixes = ("LMS_", "STACK_", "TELEMETRY_")
    defaults = dict(line.split("=", 1) for line in shown if line.startswith(prefixes) and "=" in line)
    assert len(defaults) > 40
    load(dotenv, defaults)


def test_the_generated_files_are_up_to_date() -> None:
    assert stale() == {}


def test_generated_passwords_are_long() -> None:
    assert all(len(generate(each.key)) >= 16 for each in required())
