"""The forms of LogQL that Grafana sends and the stand-in translates."""

from __future__ import annotations

import pytest

from grafana import log_queries as logql

STREAM = '{service_name="lms"}'


def test_lines() -> None:
    query = logql.lines(
        logql.containing("request_id", "$request_id"), logql.at_least(logql.ERROR), chosen=STREAM
    )

    assert query == (
        '{service_name="lms"} | request_id=~`.*$request_id.*` | severity_number>=17 | __error__=""'
    )


def test_volume_is_a_series_per_value() -> None:
    query = logql.volume(["severity_text"], logql.saying("$text"), chosen=STREAM)

    assert query == (
        'sum by (severity_text) (count_over_time({service_name="lms"} |~ `(?i)$text` [$__auto]))'
    )


def test_top_and_count_are_of_the_whole_range() -> None:
    top = logql.top(5, ["logger", "http_route"], logql.equal("service_name", "lms"), chosen=STREAM)
    count = logql.count(logql.matching("trace_id", "$trace_id"), chosen=STREAM)

    assert top == (
        "topk(5, sum by (logger, http_route) "
        '(count_over_time({service_name="lms"} | service_name="lms" [$__range])))'
    )
    assert count == 'sum(count_over_time({service_name="lms"} | trace_id=~"$trace_id" [$__range]))'


def test_costliest_leaves_out_lines_without_the_number() -> None:
    query = logql.costliest(3, ["query_shape"], "duration_ms", chosen=STREAM)

    assert query == (
        "topk(3, sum by (query_shape) "
        '(sum_over_time({service_name="lms"} | unwrap duration_ms | __error__="" [$__range])))'
    )


def test_the_usual_selector_has_a_condition_that_loki_accepts_when_all_is_chosen() -> None:
    assert logql.lines() == logql.CHOSEN
    assert logql.CHOSEN.startswith('{service_name=~".+"')


@pytest.mark.parametrize(
    "query",
    [
        logql.lines(logql.equal("user.id", "5")),
        logql.lines(logql.matching("user.id", "$user_id")),
        logql.count(logql.containing("user.id", "${user_id:regex}")),
        logql.volume(["logger", "user.id"]),
        logql.top(5, ["user.id"]),
        logql.costliest(3, ["logger"], "user.id"),
        logql.lines(chosen='{user.id=~".+"}'),
    ],
)
def test_a_field_that_no_line_has_is_named_with_the_one_that_is_meant(query: str) -> None:
    said = "'user.id' is no field of our log lines (FIELDS in grafana/log_queries.py). Do you mean user_id?"
    assert logql.unknown(query) == said


def test_a_field_like_no_other_is_named_with_all_there_are() -> None:
    said = logql.unknown(logql.top(5, ["colour"]))
    assert said.startswith("'colour' is no field of our log lines")
    assert said.endswith("Name one of " + ", ".join(sorted(logql.FIELDS)) + ".")


def test_what_is_within_a_text_is_no_field() -> None:
    filters = (logql.saying("user.id=5, by (colour)"), logql.equal("logger", '| colour=\\"x\\"'))
    assert logql.unknown(logql.costliest(3, ["logger"], "duration_ms", *filters, logql.at_least(17))) == ""
