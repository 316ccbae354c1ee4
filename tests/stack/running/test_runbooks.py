"""Whoever was asleep a minute ago pastes each command and query of the runbooks, and the stack answers."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Final

import pytest

from stack.native.native_stack import NativeStack
from stack.native.ports import is_free
from tests.alertmanager import runbook_text
from tests.collector_config.certificates import certificates
from tests.programs import Program, free_port, wait_until
from tests.stack.running.desk import Answer, Desk
from tests.stack.running.learner import Platform
from tests.stack.running.log_queries import LogQueries
from tests.stack.running.series import Series
from tests.stack.running.stores import Stores

pytestmark = pytest.mark.stack

WATCHED: Final = re.compile(r"make logs( PART=[a-z]+)?")
READ_ONLY: Final = re.compile(
    r"make (status|report)"
    r"|(curl (?!-v|.*-X)|df|du -|ss -|free -|ps |top -b|date|openssl s_client ).*"
    r"|\.venv/bin/python -m (stack\.windows|stack\.environment check|collector_kit\.fragments .+)"
)
NOT_RUN: Final = {
    r"make (PYTHON=\S+ )?(up|down|clean)": "starts, stops or removes the stack: test_make.py",
    r"make alerts-check": "takes long: tests/alertmanager/test_check.py",
    r"make report CADENCE=monthly": "is `make report` of another time: tests/app/monitoring/test_report.py",
    r"make alert-test .*": "sends messages: tests/alertmanager/test_send.py",
    r"make backup-done": "records a backup that nobody made: tests/alertmanager/test_metric_names.py",
    r"make (check|generate)": "take long, and are about the repository: CI runs them",
    r"make logs PART=<name>": "each part's is run",
    r"\.venv/bin/python -m stack\.environment write": "changes .env: tests/stack/native/test_environment.py",
    r"docker compose .*": "needs Docker: tests/stack/docker",
    r"sudo .*": "needs root",
    r"git checkout .*": "changes a file",
    r"redis-cli .*": "comes with a Redis of one's own",
    r"top|curl -v": "is named, not to be pasted",
}
ADDRESS: Final = re.compile(
    r"(?:(GET|POST|PUT|PATCH|DELETE) )?(/(?:api/v1/[^\s?]+|livez|readyz|startupz))(?:\?\S*)?"
)
EXPECTED: Final = {"collector_kit.fragments": (2, "not set: ")}
"""Commands whose answer is a refusal, as their runbook says: the exit code, and what they say."""

COMMANDS: Final = {each.text: each.runbook for each in runbook_text.commands()}
RUN: Final = [text for text in COMMANDS if READ_ONLY.fullmatch(text)]
PROMISES: Final = [each for each in runbook_text.spans() if each.text in RUN and each.promised]


def _named(text: str) -> str:
    return f"{COMMANDS[text]}-{list(COMMANDS).index(text)}"


@pytest.fixture(name="desk", scope="module")
def _desk(
    stack: NativeStack, platform: Platform, stores: Stores, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """The shell, after a learner has earned a certificate, and requests have failed in several ways."""
    folder = tmp_path_factory.mktemp("desk")
    mail, password = f"{secrets.token_hex(6)}@example.org", secrets.token_urlsafe(16)
    student = platform.register(mail, password)
    course = platform.course("Runbooks")
    assert student.post(f"/courses/{course}/enrollments").is_success
    [lesson] = student.client.get(f"/courses/{course}").json()["lessons"]
    done = student.client.put(f"/courses/{course}/lessons/{lesson['id']}/completion")
    student.post("/demo/transcripts")
    platform.anonymous().post("/auth/login", json={"email": mail, "password": "wrong"})
    certificate, key, _ = certificates(folder)
    port = free_port()
    shown = ["openssl", "s_server", "-accept", str(port), "-cert", str(certificate), "-key", str(key), "-www"]
    filled = {
        "<host>:443": f"localhost:{port}",
        "<host>": "localhost",
        "<crt_...>": done.json()["certificate_id"],
        "you@example.com": mail,
        "yours": password,
    }
    server = Program(shown, folder / "server.log")
    server.ready(lambda: not is_free(port))
    wanted = {"http.response.status_code", "user_id", "exception.type", "duration_ms"}
    wait_until(lambda: wanted <= stores.log_fields(), "the records of the requests are stored")
    yield Desk(stack, folder, filled)
    server.stop()


def test_each_command_is_run_or_has_a_reason() -> None:
    run = {text for text in COMMANDS if READ_ONLY.fullmatch(text) or WATCHED.fullmatch(text)}
    left_out = {text for text in COMMANDS if any(re.fullmatch(kind, text) for kind in NOT_RUN)}
    assert run | left_out == set(COMMANDS)
    assert run & left_out == set()
    assert [kind for kind in NOT_RUN if not any(re.fullmatch(kind, text) for text in COMMANDS)] == []


@pytest.mark.parametrize("text", RUN, ids=_named)
def test_a_command_answers(desk: Desk, text: str) -> None:
    answer = desk.run(text)
    code, said = next((found for part, found in EXPECTED.items() if part in text), (0, ""))
    assert answer.code == code, answer
    assert said in answer.said + answer.complaints
    assert [status for status in answer.statuses if not 200 <= status < 300] == [], answer
    assert len(answer.statuses) == text.count("curl "), answer
    _readable(text, answer)


def _readable(text: str, answer: Answer) -> None:
    """Checks that an answer is there, and is the JSON that it looks like."""
    if "|" not in text and "/select/logsql/" in text:
        assert all(json.loads(line) for line in answer.said.splitlines())
    elif "|" not in text and "/api/v1/" in text and not text.startswith("curl -si"):
        assert json.loads(answer.said).get("status") != "error"
    elif (
        "sort -u" not in text and "/select/logsql/" not in text and not any(part in text for part in EXPECTED)
    ):
        assert answer.said.strip(), answer


@pytest.mark.parametrize("text", [text for text in COMMANDS if WATCHED.fullmatch(text)])
def test_logs_are_shown_until_an_interrupt(desk: Desk, text: str) -> None:
    first = desk.watch(text)
    assert first.strip()
    assert "There is no log" not in first


@pytest.mark.parametrize("promise", PROMISES, ids=lambda each: f"{each.runbook}-{'-'.join(each.promised)}")
def test_an_answer_has_what_the_text_says_to_look_at(
    desk: Desk, series: Series, platform: Platform, promise: runbook_text.Pasted
) -> None:
    said = desk.run(promise.text).said
    # What an answer has only while something is wrong is in the platform's description of itself.
    described = platform.description() if "/monitoring/" in promise.text else ""
    possible = series.values(promise.text)
    missing = [
        name for name in promise.promised if f'"{name}"' not in said + described and name not in possible
    ]
    assert missing == []


def test_every_address_of_the_platform_exists(platform: Platform) -> None:
    described = json.loads(platform.description())["paths"]
    known = {
        (method.upper(), re.sub(r"\{\w+\}", "*", path))
        for path, methods in described.items()
        for method in methods
    }
    said = {found.groups() for each in runbook_text.spans() if (found := ADDRESS.fullmatch(each.text))}
    asked = {(method or "GET", re.sub(r"\{\w+\}|<\w+>", "*", path)) for method, path in said}
    assert len(asked) > 5
    assert {path for _, path in asked} - {path for _, path in known} == set()
    assert {each for each in asked if each[0] != "GET"} - known == set()


@pytest.fixture(name="series", scope="module")
def _series(stores: Stores) -> Series:
    return Series(stores)


QUERIES: Final = {each.text: each.runbook for each in runbook_text.queries()}


@pytest.mark.parametrize("query", QUERIES, ids=lambda text: f"{QUERIES[text]}-{list(QUERIES).index(text)}")
def test_a_query_asks_for_series_and_labels_that_exist(series: Series, query: str) -> None:
    assert series.faults(query) == []


def test_a_wrong_name_or_label_is_noticed(series: Series) -> None:
    assert series.faults("lms_loginz_total") == ["no series is called lms_loginz_total"]
    assert series.faults('lms_logins_total{outcome="succes"}') == ['lms_logins_total: outcome="succes"']
    assert series.faults("sum by (outcom) (lms_logins_total)") == ["nothing has a label outcom"]
    assert series.faults("sum by (outcome) (lms_logins_total)") == []


@pytest.fixture(name="log_queries", scope="module")
def _log_queries(stores: Stores) -> LogQueries:
    return LogQueries(stores)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("query", sorted({each.text for each in runbook_text.log_queries()}))
def test_a_query_of_logs_asks_for_fields_and_events_that_exist(log_queries: LogQueries, query: str) -> None:
    assert log_queries.faults(query) == []


@pytest.mark.usefixtures("desk")
def test_a_wrong_field_or_event_is_noticed(log_queries: LogQueries) -> None:
    assert log_queries.faults("_time:1h servise.name:lms") == ["no record has a field servise.name"]
    assert log_queries.faults("_time:1h _msg:slow_querry") == ["nothing writes slow_querry"]
    assert log_queries.faults("_time:1h severity_text:ERRORS") == ["there is no severity ERRORS"]
