"""Cursors over records that have one time: each is shown once, and a cursor fits into a request."""

from __future__ import annotations

from app.infra.stores.logs import LogRecord
from app.monitoring.log_cursor import LONGEST_CURSOR, LogCursor, question_of, read_cursor

QUESTION = question_of(["level", "error"])


def records(count: int, time: int = 5) -> list[LogRecord]:
    return [LogRecord(time=time, level="info", event=str(number // 2)) for number in range(count)]


def test_records_of_one_time_are_shown_once_in_whatever_order_they_come() -> None:
    everything = records(9)
    place, seen = LogCursor(QUESTION, 0, 5, ()), list[LogRecord]()
    for turn in range(5):
        left = place.after(everything[turn:] + everything[:turn])
        page = left[:2]
        seen += page
        place = read_cursor(place.following(page).text(), QUESTION, 100)
    assert sorted(each.event for each in seen) == sorted(each.event for each in everything)
    assert place.after(everything) == []


def test_a_cursor_fits_into_a_request_however_many_records_have_one_time() -> None:
    place = LogCursor(QUESTION, 0, 5, ())
    for _ in range(10):
        place = place.following(records(350, place.time))
        assert len(place.text()) <= LONGEST_CURSOR
    assert place.time < 5
