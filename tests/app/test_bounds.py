"""Whatever a client can make grow is bounded. The tests walk the platform, so they see later additions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from app.core.errors import MAX_FIELD_ERRORS
from app.core.telemetry import LMS_METRICS
from app.main import create_app
from otel.testing import capture_telemetry
from tests.app.conftest import make_settings
from tests.app.people import Api

Schema = dict[str, Any]

LISTS: Final = {
    "AlertCounts.active": "the severities that the rules name",
    "AlertCounts.pages": "10",
    "AlertOut.comments": "MOST_COMMENTS",
    "AlertOut.inhibited_by": "the alerts that fire",
    "AlertOut.labels": "what a rule gives an alert",
    "AlertOut.silenced_by": "the silences that there are",
    "AlertOut.transitions": "MOST_TRANSITIONS",
    "AlertsOut.alerts": "the limit of a page, 200 at most",
    "AlertsOut.missing": "the sources that there are",
    "AlertsOut.reasons": "the sources that there are",
    "AuditEntryOut.details": "what the action has to say about itself",
    "AuditPage.items": "the limit of a page, 100 at most",
    "CatalogueOut.items": "the limit of a page, 100 at most",
    "CountedOut.states": "a rule's limits, 4 at most",
    "CourseOut.lessons": "MAX_LESSONS",
    "CourseOut.quizzes": "MAX_QUIZZES",
    "ErrorReportsOut.dropped": "the reasons that there are",
    "Finding.evidence": "the figures of one kind of finding",
    "Health.checks": "what the platform needs",
    "Health.checks[]": "one measurement of a check",
    "Health.components": "the checks that there are",
    "Health.unchecked": "the checks that there are",
    "HealthOut.not_passing": "the checks that there are",
    "KeyOut.rules": "100 rules",
    "Kpis.active_users": "5m, 1h, 24h",
    "Kpis.enrollments": "the outcomes that there are",
    "Kpis.funnel": "three steps",
    "Kpis.logins": "the outcomes that there are",
    "Kpis.quiz_attempts": "the outcomes that there are",
    "Kpis.registrations": "the outcomes that there are",
    "LimitsOut.rules": "100 rules",
    "LogOut.fields": "what one record has; a store's answer has 16 MiB at most",
    "LogsOut.missing": "the sources that there are",
    "LogsOut.reasons": "the sources that there are",
    "LogsOut.records": "the limit of a page, 500 at most",
    "MetricOut.series": "the limit of series that each metric declares",
    "MetricsOut.metrics": "the metrics that are declared",
    "MetricsOut.missing": "the sources that there are",
    "MetricsOut.reasons": "the sources that there are",
    "PerformanceOut.findings": "the limit, 100 at most",
    "PerformanceOut.missing": "the sources that there are",
    "PerformanceOut.pools": "the pools that there are",
    "PerformanceOut.reasons": "the sources that there are",
    "PerformanceOut.repeated_queries": "the limit, 100 at most",
    "PerformanceOut.repetitions": "the limit, 100 at most",
    "PerformanceOut.routes": "the limit, 100 at most",
    "PerformanceOut.slow_queries": "the limit, 100 at most",
    "Problem.errors": "MAX_FIELD_ERRORS",
    "Problem.violated-policies": "the rules that apply to one request",
    "Progress.lessons_done": "MAX_LESSONS",
    "Progress.quizzes_passed": "MAX_QUIZZES",
    "QuestionOut.choices": "MAX_CHOICES",
    "QuizOut.questions": "100 when a quiz is added",
    "RuleOut.exempt_roles": "the roles that there are",
    "RuleOut.exempt_tags": "what an operator writes into the rules file",
    "RuleOut.limits": "4 in the rules file",
    "SeriesOut.buckets": "a metric's buckets",
    "SeriesOut.labels": "a metric's attributes",
    "ServiceOut.versions": "the versions that run",
    "SignalOut.dropped": "the reasons that there are",
    "SilenceOut.matchers": "20 when it is created here",
    "SilencesOut.missing": "the sources that there are",
    "SilencesOut.reasons": "the sources that there are",
    "SilencesOut.silences": "the limit of a page, 200 at most",
    "SpanOut.attributes": "the SDK's limit of attributes",
    "SubmissionOut.answers": "100 when they are handed in",
    "SystemStatusOut.missing": "the sources that there are",
    "SystemStatusOut.reasons": "the sources that there are",
    "SystemStatusOut.resources": "what two checks measure",
    "SystemStatusOut.services": "what Prometheus scrapes and what is checked",
    "SystemStatusOut.telemetry": "traces, metrics, logs",
    "TelemetryOut.signals": "traces, metrics, logs",
    "TraceOut.entries": "2,000",
    "TraceOut.missing": "the sources that there are",
    "TraceOut.reasons": "the sources that there are",
    "TraceOut.services": "the services of one trace",
    "get /.well-known/jwks.json": "one key",
    "get /api/v1/courses/{course_id}/quizzes/{quiz_id}/submissions": "a quiz's attempts, 20 at most",
    "get /api/v1/enrollments": "one per published course: MAX_LISTED",
    "get /api/v1/monitoring/log-levels": "100 changed levels",
    "get /api/v1/problems": "the kinds that there are",
    "post /api/v1/demo/transcripts": "as the enrolments",
}
"""Every list and map that an answer can hold, and what bounds it."""


@cache
def description() -> Schema:
    with capture_telemetry(LMS_METRICS) as captured:
        settings = make_settings("mongodb://127.0.0.1:1/lms", "redis://127.0.0.1:1", demo_failure_ratio=1)
        return create_app(settings, captured.telemetry).openapi()


def operations() -> Iterator[tuple[str, Schema]]:
    for path, methods in description()["paths"].items():
        yield from ((f"{method} {path}", operation) for method, operation in methods.items())


def parts(schema: Schema, place: str) -> Iterator[tuple[str, Schema]]:
    """Yields a schema and all its parts, each with its place; a named schema is a place of its own."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if name:
        schema, place = description()["components"]["schemas"][name], name
    yield place, schema
    inner = [(place, each) for kind in ("anyOf", "oneOf", "allOf") for each in schema.get(kind, ())]
    inner += [(f"{place}.{each}", found) for each, found in schema.get("properties", {}).items()]
    inner += [
        (f"{place}[]", schema[key]) for key in ("items", "additionalProperties") if is_schema(schema, key)
    ]
    inner += [(f"{place}[]", each) for each in schema.get("patternProperties", {}).values()]
    for where, each in inner:
        yield from parts(each, where)


def is_schema(schema: Schema, key: str) -> bool:
    return isinstance(schema.get(key), dict)


def is_map(schema: Schema) -> bool:
    return bool(schema.get("additionalProperties") or schema.get("patternProperties"))


def is_bounded(schema: Schema) -> bool:
    """Tells whether a value of this schema, without its parts, has a maximum size."""
    keys = schema.keys()
    match schema.get("type"):
        case "string":
            return bool(keys & {"maxLength", "enum", "const"})
        case "integer" | "number":
            return bool(keys & {"maximum", "exclusiveMaximum"}) and bool(
                keys & {"minimum", "exclusiveMinimum"}
            )
        case "array":
            return "maxItems" in keys
        case "object":
            return not is_map(schema) or "maxProperties" in keys
        case kind:
            return kind in {"boolean", "null"} or bool(keys & {"$ref", "anyOf", "oneOf", "allOf"})


def inputs() -> Iterator[tuple[str, Schema]]:
    for operation, described in operations():
        for parameter in described.get("parameters", ()):
            yield from parts(parameter["schema"], f"{operation} {parameter['name']}")
        for content in described.get("requestBody", {"content": {}})["content"].values():
            yield from parts(content["schema"], operation)


def test_every_input_has_a_largest_size() -> None:
    found = list(inputs())
    assert len(found) > 80
    assert {place for place, schema in found if not is_bounded(schema)} == set()


def test_every_list_in_an_answer_says_what_bounds_it() -> None:
    found = {
        place
        for operation, described in operations()
        for response in described["responses"].values()
        for content in response.get("content", {}).values()
        for place, schema in parts(content.get("schema", {}), operation)
        if schema.get("type") == "array" or is_map(schema)
    }
    assert found == set(LISTS)


async def test_an_answer_names_few_of_many_mistakes(api: Api) -> None:
    learner = await api.student()
    answers = {f"no question {number}": 0 for number in range(10_000)}
    answer = await learner.post("/courses/a/quizzes/b/submissions", {"answers": answers})
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == MAX_FIELD_ERRORS
