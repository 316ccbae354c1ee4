"""The rules file: read when it changes, and refused whatever is wrong with it."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.infra.rate_limits import Rules, RulesInvalid, RulesSource
from app.infra.rate_limits.rules_file import parse_rules
from app.infra.rate_limits.running import Follower
from otel.testing import Captured
from tests.app.infra.rate_limits.limiters import TABLE, asked, limiting, rule
from tests.app.infra.rate_limits.test_rules import GOOD, sentence


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "[]", "rules", "5", "\x00", "- " * 5000, "a: *b", "rules: &a [*a]"]
)
def test_what_is_no_rules_file_is_refused(text: str) -> None:
    assert sentence(text).startswith("rules.yml")


@pytest.mark.parametrize(
    "value",
    [
        "=",
        "2026-13-45",
        "2026-01-01T25:61:61",
        "!foo []",
        "!!int x",
        "!!int ''",
        "!!bool maybe",
        "!!float abc",
        "!!binary 'a'",
        "!!timestamp soon",
        "!!omap [1]",
        "!!set [1]",
        "!!python/object:os.system []",
        "0x_",
        "0b_",
        "9" * 5000,
        "{? [a, b] : c}",
        "{{a: b}: c}",
        "{<<: 5}",
        "[{<<: [5]}]",
    ],
)
@pytest.mark.parametrize("field", ["limit: 10", "scope: ip"])
def test_a_value_that_the_parser_stumbles_over_is_a_mistake_in_its_line(field: str, value: str) -> None:
    line = 1 + GOOD[: GOOD.index(field)].count("\n")
    found = sentence(GOOD.replace(field, f"{field.partition(':')[0]}: {value}", 1))
    assert found.startswith(f"rules.yml line {line}: ")
    assert "\n" not in found
    assert len(found) < 300


@settings(max_examples=300, deadline=None)
@given(
    place=st.integers(0, len(GOOD)),
    length=st.integers(0, 6),
    text=st.one_of(st.text(max_size=8), st.text("!<>&*?:{}[],-|=0x_.' \"\n", max_size=8)),
)
def test_whatever_a_file_contains_it_is_valid_or_refused(place: int, length: int, text: str) -> None:
    changed = GOOD[:place] + text + GOOD[place + length :]
    with suppress(RulesInvalid):
        parse_rules(changed.encode("utf-8", "surrogatepass"), "rules.yml", TABLE)


async def test_changes_are_followed_and_mistakes_are_not(
    tmp_path: Path, empty_redis_url: str, telemetry: Captured
) -> None:
    source = RulesSource(tmp_path / "limits.yml", TABLE)
    source.path.write_text(yaml.safe_dump({"rules": [rule("one", "ip", (2, "1h"))]}))
    async with limiting(empty_redis_url, rule("none", "global")) as limiter:
        follower = Follower(limiter, source)
        await follower.follow()
        first = limiter.state()
        assert (first.rules, first.rules_error) == (1, None)
        await limiter.decide(asked())
        for mistake in ("rules: []", "rules: [", ""):
            source.path.write_text(mistake)
            for _ in range(3):
                await follower.follow()
        source.path.unlink()
        await follower.follow()
        state = limiter.state()
        assert (state.rules_version, state.rules) == (first.rules_version, 1)
        assert "cannot be read (No such file or directory); check LMS_RATE_LIMITS" in str(state.rules_error)
        assert (await limiter.decide(asked())).allowed
        assert not (await limiter.decide(asked())).allowed
        source.path.write_text(yaml.safe_dump({"rules": [rule("one", "ip", (3, "1h"))]}))
        await follower.follow()
        assert limiter.state().rules_error is None
        assert limiter.state().rules_version != first.rules_version
        assert [(await limiter.decide(asked())).allowed for _ in range(2)] == [True, False]
    said = [log.body for log in telemetry.logs if str(log.body).startswith("rate_limit_rules")]
    assert said == ["rate_limit_rules_changed", *["rate_limit_rules_refused"] * 4, "rate_limit_rules_changed"]


async def test_a_file_is_parsed_only_when_it_has_changed(tmp_path: Path, empty_redis_url: str) -> None:
    path = tmp_path / "limits.yml"
    good, bad = yaml.safe_dump({"rules": [rule()]}), "rules: []"
    parsed = []

    @dataclass(frozen=True, slots=True)
    class Watched(RulesSource):
        def parse(self, text: bytes) -> Rules:
            parsed.append((text.decode(), threading.current_thread() is threading.main_thread()))
            return parse_rules(text, self.path.name, self.table)

    async with limiting(empty_redis_url, rule("none", "global")) as limiter:
        follower = Follower(limiter, Watched(path, TABLE))
        for text in (good, bad, good):
            path.write_text(text)
            for _ in range(3):
                await follower.follow()
            assert (limiter.state().rules_error is None) == (text == good)
        path.unlink()
        await follower.follow()
        path.write_text(good)
        await follower.follow()
        assert limiter.state().rules_error is None
    assert parsed == [(text, False) for text in (good, bad, good, good)]


def test_no_more_of_a_file_is_read_than_can_be_used() -> None:
    with pytest.raises(RulesInvalid, match="zero has more than 262144 bytes"):
        RulesSource(Path("/dev/zero"), TABLE).read()
