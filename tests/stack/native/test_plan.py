"""The plan of a start, without starting anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.core.settings import load_settings
from stack.compose import DockerStack
from stack.native import logins
from stack.native.native_stack import NativeStack
from stack.native.placeholders import fill
from stack.native.plan import SOURCE
from stack.settings import SettingsError, StackSettings


def processes(stack: NativeStack) -> dict[str, Any]:
    document = yaml.safe_load(stack.plan.document().replace("$$", "$"))
    return dict(document["processes"])


def environment(process: Mapping[str, Any]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in process.get("environment", []))


def test_no_part_gets_a_secret_that_it_does_not_need(tmp_path: Path) -> None:
    stack = NativeStack.scratch(tmp_path)
    settings = stack.environment.stack
    app = stack.environment.app
    knowing = {
        app.jwt_secret: {"app"},
        app.certificate_key: {"app"},
        app.metrics_token: {"app"},
        app.alerts_token: {"app"},
        app.admin_password: {"app", "learners"},
        settings.otlp_token: {"app"},
        settings.postgres_password: {"postgres", "app"},
        settings.redis_password: {"app"},
        # Everybody else reads them from files.
        settings.stores_password: {"app"},
        settings.victorialogs_password: {"app"},
        settings.grafana_password: set(),
        settings.bugsink_password: {"bugsink-prepare"},
        settings.bugsink_secret_key: {"bugsink-prepare", "bugsink"},
    }
    texts = {name: yaml.safe_dump(each, width=10_000) for name, each in processes(stack).items()}
    for secret, expected in knowing.items():
        assert {name for name, text in texts.items() if secret.get_secret_value() in text} == expected


def test_only_jaeger_gets_the_stores_login_in_its_environment(tmp_path: Path) -> None:
    stack = NativeStack.scratch(tmp_path)
    login = logins.basic(stack.environment.stack.stores_password.get_secret_value())
    texts = {name: yaml.safe_dump(each, width=10_000) for name, each in processes(stack).items()}
    assert {name for name, text in texts.items() if login in text} == {"jaeger"}
    assert login not in yaml.safe_dump(
        [each["entrypoint"] for each in processes(stack).values()], width=10_000
    )


def test_the_supervisor_asks_every_part_that_runs_on(tmp_path: Path) -> None:
    parts = NativeStack.scratch(tmp_path).parts()
    assert {part.name for part in parts if part.question is None} == {
        part.name for part in parts if part.once
    }
    ports = {part.name: {each.port for each in part.ports} for part in parts}
    assert [each for each in parts if each.question and each.question.port not in ports[each.name]] == []


def test_no_secret_is_on_a_command_line(tmp_path: Path) -> None:
    stack = NativeStack.scratch(tmp_path)
    commands = yaml.safe_dump([each["entrypoint"] for each in processes(stack).values()])
    given = [
        value
        for key, value in stack.environment.values.items()
        if not key.endswith(("DIR",)) and len(value) > 15
    ]
    assert [value for value in given if value in commands] == []


def test_every_address_is_loopback(tmp_path: Path) -> None:
    text = NativeStack.scratch(tmp_path).plan.document()
    assert "0.0.0.0" not in text  # noqa: S104 - must be absent
    assert "localhost" not in text


def test_every_port_of_the_settings_belongs_to_a_part(tmp_path: Path) -> None:
    parts = NativeStack.scratch(tmp_path, {"STACK_ALERTMANAGERS": "2"}).parts()
    declared = {wanted.variable for part in parts for wanted in part.ports}
    docker_only = {"STACK_PORT_MAILPIT"}
    assert declared | docker_only == {
        *(f"STACK_{name.upper()}" for name in StackSettings.model_fields if name.startswith("port_")),
        "LMS_PORT",
    }


def test_the_users_own_server_replaces_ours(tmp_path: Path) -> None:
    theirs = {"MONGODB_URL": "mongodb://db.example/lms", "REDIS_URL": "redis://cache.example/0"}
    stack = NativeStack.scratch(tmp_path, theirs)
    found = processes(stack)
    assert not {"postgres", "ferretdb", "redis"} & found.keys()
    assert found["app"]["depends_on"].keys() == {"collector", "alertmanager", "bugsink"}
    assert environment(found["app"]) | theirs == environment(found["app"])


STORES = {"LMS_PROMETHEUS_URL", "LMS_ALERTMANAGER_URL", "LMS_VICTORIALOGS_URL", "LMS_JAEGER_URL"}
LOGINS = {"LMS_STORES_USER", "LMS_STORES_PASSWORD", "LMS_VICTORIALOGS_PASSWORD"}


def test_the_platform_finds_the_stores_that_its_monitoring_api_asks(tmp_path: Path) -> None:
    stack = NativeStack.scratch(tmp_path)
    found = environment(processes(stack)["app"])
    settings = load_settings({key: value for key, value in found.items() if key.startswith("LMS_")})
    assert settings.prometheus_url == stack.url("prometheus")
    assert settings.alertmanager_url == stack.url("alertmanager")
    assert settings.victorialogs_url == stack.url("victorialogs")
    assert settings.jaeger_url == settings.jaeger_web_url == stack.url("jaeger")
    assert settings.error_link == f"{stack.url('bugsink')}/issues/1/all/?q=trace:{{trace_id}}"
    assert settings.stores_user == logins.USER
    assert settings.stores_password == stack.environment.stack.stores_password
    assert settings.victorialogs_password == stack.environment.stack.victorialogs_password


def test_a_store_of_the_users_own_gets_no_password_of_ours(tmp_path: Path) -> None:
    theirs = {"LMS_TEMPO_URL": "http://tempo.example", "LMS_LOKI_URL": "http://loki.example"}
    found = environment(processes(NativeStack.scratch(tmp_path, theirs))["app"])
    assert found | theirs == found
    assert found.keys() & {*STORES, *LOGINS} == {"LMS_PROMETHEUS_URL", "LMS_ALERTMANAGER_URL"}


def test_the_users_own_loki_replaces_victorialogs(tmp_path: Path) -> None:
    ours = processes(NativeStack.scratch(tmp_path))
    found = processes(NativeStack.scratch(tmp_path, {"LOKI_URL": "https://loki.example/"}))
    assert ours.keys() - found.keys() == {"victorialogs"}
    assert "victorialogs" not in found["collector"]["depends_on"]
    assert environment(found["app"])["LMS_LOKI_URL"] == "https://loki.example"
    assert "LMS_VICTORIALOGS_URL" not in environment(found["app"])
    for name in ("collector", "canary"):
        assert environment(found[name])["LOKI_URL"] == "https://loki.example"
        assert "VICTORIALOGS_URL" in environment(ours[name])
        assert not {"VICTORIALOGS_URL", "VICTORIALOGS_HEADERS_FILE"} & environment(found[name]).keys()
    files = {
        name: {Path(word).name for word in each["collector"]["entrypoint"]}
        for name, each in (("ours", ours), ("theirs", found))
    }
    assert files["ours"] ^ files["theirs"] == {"victorialogs.yaml", "loki.yaml"}


def test_the_users_own_dsn_reaches_the_platform(tmp_path: Path) -> None:
    dsn = "https://key@sentry.example/7"
    stack = NativeStack.scratch(tmp_path, {"SENTRY_DSN": dsn})
    assert environment(processes(stack)["app"])["SENTRY_DSN"] == dsn
    assert "SENTRY_OTLP_URL" not in environment(processes(stack)["collector"])


def test_sentry_gets_spans_if_configured(tmp_path: Path) -> None:
    asked = {"STACK_SENTRY_OTLP": "on", "SENTRY_DSN": "https://key@sentry.example/7"}
    collector = processes(NativeStack.scratch(tmp_path, asked))["collector"]
    assert environment(collector)["SENTRY_OTLP_URL"] == "https://sentry.example/api/7/integration/otlp"
    assert any(word.endswith("/sentry.yaml") for word in collector["entrypoint"])


def test_sentry_without_a_dsn_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SENTRY_DSN is missing"):
        NativeStack.scratch(tmp_path, {"STACK_SENTRY_OTLP": "on"}).plan.document()


def test_days_become_hours_for_a_program_that_only_accepts_hours(tmp_path: Path) -> None:
    stack = NativeStack.scratch(tmp_path, {"STACK_RETENTION_TRACES": "2d"})
    assert "--badger.span-store-ttl=48h" in processes(stack)["jaeger"]["entrypoint"]


def test_no_probe_ever_kills_and_every_shutdown_has_a_timeout(tmp_path: Path) -> None:
    for process in processes(NativeStack.scratch(tmp_path)).values():
        assert process.get("readiness_probe", {}).get("failure_threshold", 10**6) >= 10**6
        assert 0 < process["shutdown"]["timeout_seconds"] <= 30


def test_the_platform_gets_more_time_to_stop_than_it_takes(tmp_path: Path) -> None:
    slow = {"LMS_DRAIN_SECONDS": "60.5", "LMS_SHUTDOWN_SECONDS": "30", "TELEMETRY_SHUTDOWN_SECONDS": "10"}
    stack = NativeStack.scratch(tmp_path, slow)
    assert processes(stack)["app"]["shutdown"]["timeout_seconds"] == 106
    assert DockerStack(stack.plan.environment).variables()["APP_STOP_SECONDS"] == "106"


def test_a_dollar_in_a_value_survives_the_supervisors_expansion(tmp_path: Path) -> None:
    stack = NativeStack.scratch(tmp_path / "a$HOME")
    assert "a$$HOME" in stack.plan.document()
    assert processes(stack)["app"]["working_dir"] == str(tmp_path / "a$HOME")


def test_placeholders_inside_a_value_are_not_filled_in() -> None:
    assert fill(["x=${a}", "${b}"], {"a": "${b}", "b": ["1", "2"]}) == ["x=${b}", "1", "2"]


def test_an_undefined_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        fill({"k": "${nonsense}"}, {})


def test_every_part_depends_only_on_earlier_parts() -> None:
    source = yaml.safe_load(SOURCE.read_text())["processes"]
    names = list(source)
    for name, process in source.items():
        assert all(names.index(other) < names.index(name) for other in process.get("depends_on", {}))


def test_the_users_own_tempo_gets_the_traces_beside_jaeger(tmp_path: Path) -> None:
    ours = processes(NativeStack.scratch(tmp_path))["collector"]
    found = processes(NativeStack.scratch(tmp_path, {"TEMPO_OTLP_URL": "http://tempo.example:4318/"}))[
        "collector"
    ]
    assert environment(found)["TEMPO_OTLP_URL"] == "http://tempo.example:4318"
    files = [{Path(word).name for word in each["entrypoint"]} for each in (ours, found)]
    assert files[1] - files[0] == {"tempo.yaml"}
    assert {"jaeger.yaml", "tempo.yaml"} <= files[1]
