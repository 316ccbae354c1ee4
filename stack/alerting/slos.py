"""Service level objectives: `alertmanager/slos.yml`, read strictly against what the platform measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from stack.alerting.errors import AlertingError
from stack.alerting.measured import Measured
from stack.alerting.sources import OWNERS, SLOS
from stack.alerting.yaml_files import read_mapping

WINDOWS: Final = ("28d", "30d")
_LOWEST: Final = 50.0
_REQUESTS: Final = "http_server_request_duration_seconds"


def _percent(value: object) -> object:
    """Reads `99.9` or `99.9 %`; refuses what leaves no error budget, and a ratio in place of a percentage."""
    text = value.strip().removesuffix("%") if isinstance(value, str) else None if value is True else value
    try:
        percent = float(text)  # type: ignore[arg-type]  # whatever it is, float() decides
    except (TypeError, ValueError):
        raise ValueError(f"is {value!r}; write a percentage such as 99.9") from None
    if not percent < 100:  # noqa: PLR2004 - percent
        raise ValueError(
            f"is {percent:g} %, which leaves no error budget; choose less than 100, such as 99.9"
        )
    if percent < _LOWEST:
        raise ValueError(f"is {percent:g} %; a target is a percentage of at least {_LOWEST:g}, such as 99.9")
    return percent


def _one_of(choices: Sequence[str]) -> BeforeValidator:
    def check(value: object) -> object:
        if value not in choices:
            raise ValueError(f"is {value!r}; use one of {', '.join(choices)}")
        return value

    return BeforeValidator(check)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Routes(_Strict):
    """Requests: a prefix of routes without those below `except`, or a list of `METHOD /route`."""

    routes: str | tuple[str, ...]
    without: tuple[str, ...] = Field(default=(), alias="except")

    def matchers(self) -> str:
        """Returns the label matchers of these requests, apart from the service's."""
        if isinstance(self.routes, str):
            excluded = "".join(f',http_route!~"{_escaped(prefix)}.*"' for prefix in self.without)
            return f'http_route=~"{_escaped(self.routes)}.*"{excluded}'
        methods, routes = zip(*(each.split(" ", 1) for each in self.routes), strict=True)
        chosen = "|".join(dict.fromkeys(_escaped(route) for route in routes))
        return f'http_request_method=~"{"|".join(dict.fromkeys(methods))}",http_route=~"{chosen}"'


class Availability(Routes):
    """Bad is a request that got a 5xx or no whole response."""


class Latency(Routes):
    """Bad is a request without 5xx whose last byte left later than `below`, in seconds."""

    below: float


class Counted(_Strict):
    """A counter's series with these labels; with `slower_than`, a histogram's values above that bucket."""

    metric: str
    labels: dict[str, str] = {}
    slower_than: float | None = None


class Counters(_Strict):
    """Sums of counters."""

    events: tuple[Counted, ...] = Field(min_length=1)
    failures: tuple[Counted, ...] = Field(min_length=1)


class Slo(_Strict):
    """One objective; `target` is in percent."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=60)]
    problem: Annotated[str, Field(min_length=1, max_length=80)]
    owner: Annotated[str, _one_of(OWNERS)]
    service: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    target: Annotated[float, BeforeValidator(_percent)]
    window: Annotated[str, _one_of(WINDOWS)]
    urgency: Literal["page", "warning"]
    reason: Annotated[str, Field(min_length=1)]
    impact: Annotated[str, Field(min_length=1)]
    availability: Availability | None = None
    latency: Latency | None = None
    counters: Counters | None = None

    @model_validator(mode="after")
    def _one_indicator(self) -> Self:
        given = [each for each in (self.availability, self.latency, self.counters) if each is not None]
        if len(given) != 1:
            raise ValueError(f"has {len(given)} indicators; give it one of availability, latency, counters")
        return self

    @property
    def objective(self) -> float:
        """The share of good events that is the target, from 0.5 to below 1."""
        return round(self.target / 100, 9)


def load(path: Path = SLOS, measured: Measured | None = None) -> tuple[Slo, ...]:
    """Returns the file's objectives.

    Args:
        path: the file.
        measured: what the platform measures; by default what `make generate` found.

    Raises:
        AlertingError: the file has a mistake; one sentence names file, objective, field and fix.
    """
    slos = tuple(_slo(path.name, number, entry) for number, entry in enumerate(_entries(path), 1))
    if twice := [name for name, count in Counter(slo.name for slo in slos).items() if count > 1]:
        raise AlertingError(f"{path.name}: {twice[0]}: name is there twice; rename one of the two.")
    known = measured or Measured.shipped()
    for slo in slos:
        for field, mistake in _mistakes(slo, known):
            raise AlertingError(f"{path.name}: {slo.name}: {field} {mistake}.")
    return slos


def _entries(path: Path) -> list[Any]:
    content = read_mapping(path)
    entries = content.get("slos")
    if len(content) != 1 or not isinstance(entries, list) or not entries:
        raise AlertingError(f"{path.name}: slos is missing; begin with `slos:` and a list of objectives.")
    return entries


def _slo(file: str, number: int, entry: object) -> Slo:
    name = entry.get("name") if isinstance(entry, dict) else None
    which = name if isinstance(name, str) and name else f"objective {number}"
    try:
        return Slo.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise AlertingError(f"{file}: {which}: {_says(field, first)}.") from None


def _says(field: str, mistake: Any) -> str:  # noqa: ANN401 - pydantic's dictionary of one error
    match mistake["type"]:
        case "missing":
            return f"{field} is missing; add it"
        case "extra_forbidden":
            return f"{field} is not a field; remove it"
        case "value_error":
            return f"{field} {mistake['msg'].removeprefix('Value error, ')}".strip()
        case _:
            return f"{field} is {mistake['input']!r}; {_lower(mistake['msg'])}".strip()


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _mistakes(slo: Slo, known: Measured) -> Iterable[tuple[str, str]]:
    """Yields field and mistake of all that the platform does not measure."""
    requests = slo.availability or slo.latency
    if requests is not None:
        yield from _unknown_routes("availability" if slo.availability else "latency", requests, known)
    if slo.latency is not None:
        yield from _between_buckets("latency.below", _REQUESTS, slo.latency.below, known)
    for kind in ("events", "failures"):
        for number, counted in enumerate(getattr(slo.counters, kind, ())):
            yield from _unknown_counters(f"counters.{kind}.{number}", counted, known)


def _unknown_routes(field: str, requests: Routes, known: Measured) -> Iterable[tuple[str, str]]:
    if isinstance(requests.routes, str):
        prefixes = {"routes": (requests.routes,), "except": requests.without}
        for name, prefix in ((name, prefix) for name, found in prefixes.items() for prefix in found):
            if not any(route.split(" ", 1)[1].startswith(prefix) for route in known.routes):
                yield f"{field}.{name}", f"names {prefix!r}, with which no route begins; correct it"
        return
    if requests.without or not requests.routes:
        yield f"{field}.routes", "needs a prefix, or a list of `METHOD /route` without except"
    for route in requests.routes:
        if route not in known.routes:
            yield (
                f"{field}.routes",
                f"names {route!r}, which is no route; {known.nearest(route, known.routes)}",
            )
            return
    methods, routes = zip(*(each.split(" ", 1) for each in requests.routes), strict=True)
    both = {f"{method} {route}" for method in methods for route in routes} & known.routes
    if more := sorted(both - {*requests.routes}):
        yield f"{field}.routes", f"would count {more[0]!r} as well; name it, or make two objectives"


def _unknown_counters(field: str, counted: Counted, known: Measured) -> Iterable[tuple[str, str]]:
    histogram = counted.slower_than is not None
    family = known.metrics.get(counted.metric if histogram else counted.metric.removesuffix("_count"))
    wanted = "histogram" if histogram or counted.metric.endswith("_count") else "counter"
    if family is None or family.kind != wanted:
        nearest = known.nearest(counted.metric, known.counters())
        yield f"{field}.metric", f"names {counted.metric!r}, which is no counter that is measured; {nearest}"
        return
    for label, value in counted.labels.items():
        allowed = family.labels.get(label)
        if allowed is None:
            yield f"{field}.labels", f"names {label!r}, which {counted.metric} does not have; correct it"
        elif allowed and value not in allowed:
            yield f"{field}.labels", f"has {label}={value!r}; use one of {', '.join(allowed)}"
    if counted.slower_than is not None:
        yield from _between_buckets(f"{field}.slower_than", counted.metric, counted.slower_than, known)


def _between_buckets(field: str, metric: str, bound: float, known: Measured) -> Iterable[tuple[str, str]]:
    buckets = known.metrics[metric].buckets
    if bound not in buckets:
        choices = ", ".join(f"{each:g}" for each in buckets)
        yield field, f"is {bound:g} s, which is no bucket of {metric}; use one of {choices}"


def _escaped(route: str) -> str:
    """Returns a pattern that matches just this text, within PromQL's double quotes."""
    return "".join(f"\\\\{each}" if each in "{}.+*?()[]|^$" else each for each in route)
