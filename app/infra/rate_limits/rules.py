"""The rules file's model: what a rule may say. The JSON schema is generated from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from app.core.durations import UNITS
from app.core.security import Role
from app.infra.rate_limits.decisions import Scope

MOST_LIMIT: Final = 100_000
"""Each counted request is a member of a sorted set, so a limit bounds memory: about 100 bytes each."""
MOST_COST: Final = 100
LONGEST_WINDOW: Final = 86_400
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _window(value: object) -> int:
    match = re.fullmatch(r"(\d{1,6})([smhd])", value) if isinstance(value, str) else None
    seconds = int(match[1]) * UNITS[match[2]] if match else 0
    if not 1 <= seconds <= LONGEST_WINDOW:
        raise ValueError(f"{value!r} is not a window; write 30s, 15m, 1h or at most 1d")
    return seconds


def _whole(most: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if type(value) is not int or not 1 <= value <= most:
            raise ValueError(f"{value!r} is not possible; write a whole number from 1 to {most}")
        return value

    return check


def _text(pattern: str, fix: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"{value!r} is not possible; write {fix}")
        return value

    return check


def _number(most: int) -> Any:  # noqa: ANN401 - annotations of a field
    schema = {"type": "integer", "minimum": 1, "maximum": most}
    return Annotated[int, BeforeValidator(_whole(most)), WithJsonSchema(schema)]


def _matching(pattern: str, fix: str) -> Any:  # noqa: ANN401 - as above
    return Annotated[
        str,
        BeforeValidator(_text(pattern, fix)),
        WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"}),
    ]


Window = Annotated[
    int, BeforeValidator(_window), WithJsonSchema({"type": "string", "pattern": r"^\d{1,6}[smhd]$"})
]
Name = _matching(
    # A rule with several windows has policies such as login-1m: no rule may be named so.
    r"(?!.*-\d+[smhd]$)[a-z][a-z0-9-]{0,39}",
    "lower-case letters, digits and hyphens, at most 40, a letter first, no window such as -1m last",
)
Route = _matching(
    r"(/\S*|<unmatched>)", "a route template such as /api/v1/courses/{course_id}, or <unmatched>"
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limit(_Part):
    """At most ``limit`` requests in every span of time as long as ``window``."""

    limit: _number(MOST_LIMIT) = Field(description="Most requests within the window.")  # type: ignore[valid-type]  # made
    window: Window = Field(description="Length of the window: 30s, 15m, 1h, 1d.")


class Rule(_Part):
    """One rule: which requests it counts, for whom, and how many it admits."""

    name: Name = Field(description="Unique; appears in headers, metrics and refusals.")  # type: ignore[valid-type]  # made
    scope: Scope = Field(
        description="Whose requests are counted together: ip (one address), user (a signed-in user, else the "
        "address), endpoint (all callers of a route), global (all callers), account (an account name that "
        "somebody signs in with or registers)."
    )
    limits: list[Limit] = Field(min_length=1, max_length=4, description="All of them apply.")
    route: Route | None = Field(  # type: ignore[valid-type]  # made above
        default=None, description="Only this route template; <unmatched>: paths that no route has."
    )
    tag: str | None = Field(
        default=None, description="Only routes with this tag; their requests count together."
    )
    method: Literal[_METHODS] | None = Field(default=None, description="Only this method.")  # type: ignore[valid-type]  # listed above
    cost: _number(MOST_COST) = Field(default=1, description="How many requests one request counts as.")  # type: ignore[valid-type]  # made
    exempt_roles: list[Role] = Field(
        default=[], description="Signed-in users of these roles are not counted."
    )
    exempt_tags: list[str] = Field(default=[], description="Routes with these tags are not counted.")
    shadow: bool = Field(default=False, description="Measure only: count and report, but refuse nothing.")
    when_redis_is_away: Literal["local", "refuse"] = Field(
        default="local",
        description="local: each instance enforces its share of the limit; refuse: refuse every request.",
    )

    @property
    def target(self) -> str:
        """Which requests the rule counts, in words."""
        where = "every route"
        if self.route is not None:
            where = self.route
        elif self.tag is not None:
            where = f"tag {self.tag}"
        return f"{self.method} {where}" if self.method else where


class RulesFile(_Part):
    """The rules of the rate limiter. A request has to pass all that apply to it."""

    rules: list[Rule] = Field(min_length=1, max_length=100)
