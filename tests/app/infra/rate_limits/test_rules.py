"""Mistakes in the rules file, each one sentence with line, field and fix; and the file's changes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml

from app.infra.rate_limits import RulesInvalid, RulesSource
from app.infra.rate_limits.rules_file import SHIPPED, parse_rules
from app.main import create_app, route_table
from otel import ConfigError
from tests.app.conftest import GENEROUS, make_settings
from tests.app.infra.rate_limits.limiters import TABLE, rule, rules_of

SCHEMA = json.loads(SHIPPED.with_name("rate-limits.schema.json").read_text())

GOOD = """\
rules:
  - name: one
    scope: ip
    route: /things
    limits:
      - {limit: 10, window: 1m}
      - {limit: 100, window: 1h}
  - name: two
    scope: account
    route: /login
    method: POST
    cost: 2
    limits:
      - {limit: 5, window: 30s}
"""


def sentence(text: str) -> str:
    with pytest.raises(RulesInvalid) as caught:
        parse_rules(text.encode(), "rules.yml", TABLE)
    return str(caught.value)


def test_a_good_file_is_read() -> None:
    rules = parse_rules(GOOD.encode(), "rules.yml", TABLE)
    assert [(each.name, [limit.window for limit in each.limits]) for each in rules.rules] == [
        ("one", [60, 3600]),
        ("two", [30]),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        pytest.param("scope: ip", "scoop: ip", 2, "scope (rule one): is missing; add it", id="missing"),
        pytest.param(
            "    cost: 2", "    costs: 2", 12, "costs (rule two): is not a field; remove it", id="unknown"
        ),
        pytest.param("rules:\n", "rulez:\n", 1, "rules: is missing", id="no rules"),
        pytest.param(
            "1m", "1 minute", 6, "window (rule one): '1 minute' is not a window; write 30s", id="duration"
        ),
        pytest.param("1h}", "0h}", 7, "'0h' is not a window", id="no time"),
        pytest.param("1h}", "2d}", 7, "at most 1d", id="long"),
        pytest.param(
            "limit: 10,", "limit: 0,", 6, "limit (rule one): 0 is not possible; write a whole", id="zero"
        ),
        pytest.param("limit: 100,", "limit: 1000000000,", 7, "1000000000 is not possible", id="huge"),
        pytest.param("limit: 100,", "limit: 1.5,", 7, "1.5 is not possible", id="broken"),
        pytest.param("limit: 100,", "limit: true,", 7, "True is not possible", id="truth"),
        pytest.param("limit: 100,", 'limit: "100",', 7, "'100' is not possible", id="text"),
        pytest.param("name: two", "name: one", 8, "another rule is named one; choose a new name", id="twice"),
        pytest.param("name: two", "name: Two!", 8, "'Two!' is not possible; write lower-case", id="name"),
        pytest.param("name: two", "name: two-30s", 8, "no window such as -1m last", id="window in a name"),
        pytest.param("scope: ip", "scope: everyone", 3, "must be 'ip', 'user'", id="scope"),
        pytest.param("/things", "/thongs", 4, "the application has no route /thongs", id="route"),
        pytest.param("/things", "things", 4, "write a route template such as", id="no template"),
        pytest.param(
            "    route: /things",
            "    tag: nothing",
            4,
            "no route has the tag 'nothing'; use one of probes, things",
            id="tag",
        ),
        pytest.param(
            "    route: /things", "    exempt_tags: [nothing]", 4, "no route has the tag", id="exempt tag"
        ),
        pytest.param(
            "    cost: 2",
            "    exempt_roles: [teacher]",
            12,
            "must be 'student', 'instructor' or 'admin'",
            id="role",
        ),
        pytest.param(
            "    route: /things",
            "    route: /things\n    tag: things",
            5,
            "a route or a tag; remove one",
            id="both",
        ),
        pytest.param(
            "method: POST", "method: PUT", 11, "/login does not support PUT; use one of POST", id="method"
        ),
        pytest.param(
            "    method: POST\n", "", 9, "needs the route and the method", id="account without method"
        ),
        pytest.param("cost: 2", "cost: 6", 12, "no request could ever pass", id="cost"),
        pytest.param(
            "limit: 100,", "limit: 10,", 7, "10 in 3600 s makes 10 in 60 s pointless", id="pointless"
        ),
        pytest.param(
            "window: 1h",
            "window: 60s",
            7,
            "one limits the same requests to 10 in 60 s; drop one",
            id="twice the same",
        ),
        pytest.param(
            "limits:\n      - {limit: 5, window: 30s}",
            "limits: []",
            13,
            "must have at least 1 item",
            id="no limits",
        ),
        pytest.param("/things", "/livez", 4, "/livez is a probe, which nothing limits", id="probe"),
        pytest.param(
            "route: /login",
            "route: /things",
            10,
            "reads no account name; use one of POST /login",
            id="no account",
        ),
        pytest.param(
            "route: /login", "route: <unmatched>", 10, "POST <unmatched> reads no account name", id="no route"
        ),
        pytest.param("cost: 2", "exempt_roles: [admin]", 12, "nobody is signed in yet", id="account's role"),
        pytest.param("cost: 2", "exempt_tags: [users]", 12, "no tag is looked at", id="account's tag"),
        pytest.param(
            "    route: /things",
            "    tag: things\n    exempt_tags: [things]",
            5,
            "it exempts all routes with the tag things",
            id="own tag",
        ),
        pytest.param(
            "    route: /things",
            "    route: /things\n    exempt_tags: [users, things]",
            5,
            "they exempt all that the rule counts (/things)",
            id="tag of the route",
        ),
        pytest.param(
            "    route: /things",
            "    exempt_tags: [users, things]",
            4,
            "they exempt all that the rule counts (every route)",
            id="all tags",
        ),
        pytest.param(
            "    route: /things",
            "    tag: things\n    method: DELETE",
            5,
            "no route with the tag things supports it",
            id="method of no route",
        ),
        pytest.param("scope: ip", "scope: ip\n    scope: ip", 4, "scope is there twice", id="key twice"),
        pytest.param("{limit: 5,", "{limit: 5", 14, "not YAML", id="syntax"),
    ],
)
def test_a_mistake_is_one_sentence(old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    found = sentence(GOOD.replace(old, new, 1))
    assert found.startswith(f"rules.yml line {line}: ")
    assert says in found
    assert "\n" not in found


def test_two_rules_that_contradict_each_other_are_both_named() -> None:
    with pytest.raises(RulesInvalid, match=r"rules one and two"):
        rules_of(rule("one", "ip", (10, "1m")), rule("two", "ip", (5, "1h")))
    rules_of(rule("one", "ip", (10, "1m")), rule("two", "ip", (5, "1h"), shadow=True))
    rules_of(rule("one", "ip", (10, "1m")), rule("two", "user", (5, "1h")))


def test_the_shipped_rules_fit_the_application_and_the_schema() -> None:
    app = create_app(make_settings("mongodb://127.0.0.1/lms", "redis://127.0.0.1/0", rate_limits=None))
    rules = RulesSource(SHIPPED, route_table(app)).read().rules
    scopes = {(each.scope, each.route) for each in rules}
    for path in ("/api/v1/auth/login", "/api/v1/users"):
        assert {("ip", path), ("account", path)} <= scopes
    assert {scope for scope, _ in scopes} >= {"global", "ip", "user", "account"}
    jsonschema.validate(yaml.safe_load(SHIPPED.read_text()), SCHEMA)
    jsonschema.validate(yaml.safe_load(GOOD), SCHEMA)


@pytest.mark.parametrize(
    ("old", "new"), [("1m", "soon"), ("10,", "0,"), ("cost", "costs"), ("name: two", "name: Two")]
)
def test_the_schema_refuses_what_the_platform_refuses(old: str, new: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(GOOD.replace(old, new, 1)), SCHEMA)


def test_a_mistake_refuses_the_start(tmp_path: Path) -> None:
    file = tmp_path / "limits.yml"
    file.write_text("rules: []\n")
    with pytest.raises(ConfigError) as caught:
        create_app(make_settings("mongodb://127.0.0.1/lms", "redis://127.0.0.1/0", rate_limits=file))
    (said,) = caught.value.sentences
    assert (caught.value.key, said.startswith("limits.yml line 1: rules: ")) == ("LMS_RATE_LIMITS", True)


def test_the_rules_of_the_tests_are_valid() -> None:
    parse_rules(GENEROUS.read_bytes(), GENEROUS.name, TABLE)
