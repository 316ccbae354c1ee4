from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import chain

import pytest

from otel.export.batch import BatchQueue, Outcome
from tests.programs import wait_until


class Exporter:
    """Accepts batches, blocks while its gate is closed, and returns the configured outcome."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.answer = True
        self.unencodable = 0
        self.error: Exception | None = None

    def __call__(self, batch: list[int]) -> Outcome:
        self.entered.set()
        self.gate.wait(20)
        self.batches.append(batch)
        if self.error:
            raise self.error
        return Outcome(self.answer, self.unencodable)


@pytest.fixture(name="exporter")
def _exporter() -> Iterator[Exporter]:
    exporter = Exporter()
    yield exporter
    exporter.gate.set()


def queue_to(
    exporter: Exporter, *, capacity: int = 100, size: int = 10, delay: float = 60
) -> BatchQueue[int]:
    return BatchQueue("items", exporter, capacity=capacity, batch_size=size, delay=delay)


def test_a_full_batch_is_exported_at_once(exporter: Exporter) -> None:
    queue = queue_to(exporter)
    for item in range(10):
        queue.put(item)
    wait_until(lambda: exporter.batches == [list(range(10))], "the full batch is exported")
    assert queue.close(5)


def test_items_that_cannot_be_encoded_are_dropped_and_the_others_exported(exporter: Exporter) -> None:
    queue = queue_to(exporter)
    exporter.unencodable = 3
    for item in range(10):
        queue.put(item)
    assert not queue.flush(5)
    assert queue.account.view() == {
        "produced": 10,
        "exported": 7,
        "dropped": {"unencodable": 3},
        "pending": 0,
    }
    assert queue.close(5)


def test_a_single_item_is_exported_after_the_delay(exporter: Exporter) -> None:
    queue = queue_to(exporter, delay=0.05)
    queue.put(1)
    wait_until(lambda: exporter.batches == [[1]], "the item is exported")
    assert queue.close(5)


def test_flush_exports_the_waiting_items(exporter: Exporter) -> None:
    queue = queue_to(exporter)
    for item in range(25):
        queue.put(item)
    assert queue.flush(5)
    assert list(chain(*exporter.batches)) == list(range(25))
    assert queue.account.view() == {"produced": 25, "exported": 25, "dropped": {}, "pending": 0}
    assert queue.close(5)


def test_flush_of_an_empty_queue_returns_at_once(exporter: Exporter) -> None:
    queue = queue_to(exporter)
    assert queue.flush(0)
    assert queue.close(5)


def test_flush_keeps_its_deadline_and_reports_failure(exporter: Exporter) -> None:
    exporter.gate.clear()
    queue = queue_to(exporter)
    queue.put(1)
    assert not queue.flush(0.2)  # or the test would never end: the gate opens only below
    exporter.gate.set()
    assert queue.close(5)


def test_flush_reports_a_rejected_export(exporter: Exporter) -> None:
    exporter.answer = False
    queue = queue_to(exporter)
    queue.put(1)
    assert not queue.flush(5)
    assert queue.account.view() == {
        "produced": 1,
        "exported": 0,
        "dropped": {"export_failed": 1},
        "pending": 0,
    }
    assert queue.close(5)


def test_an_exporter_that_raises_loses_its_batch_but_not_the_thread(exporter: Exporter) -> None:
    exporter.error = OSError("no route")
    queue = queue_to(exporter)
    queue.put(1)
    assert not queue.flush(5)
    exporter.error = None
    queue.put(2)
    assert queue.flush(5)
    assert queue.account.view()["dropped"] == {"export_failed": 1}
    assert queue.close(5)


def test_a_full_queue_drops_the_oldest_and_memory_stays_bounded(exporter: Exporter) -> None:
    exporter.gate.clear()
    queue = queue_to(exporter, capacity=50, size=10)
    for item in range(10):
        queue.put(item)
    assert exporter.entered.wait(5)
    for item in range(10, 1_000):
        queue.put(item)
        assert queue.waiting() <= 50
    view = queue.account.view()
    assert view == {"produced": 1_000, "exported": 0, "dropped": {"queue_full": 940}, "pending": 60}
    exporter.gate.set()
    assert queue.close(5)
    assert list(chain(*exporter.batches)) == [*range(10), *range(950, 1_000)]
    assert queue.account.view() == {
        "produced": 1_000,
        "exported": 60,
        "dropped": {"queue_full": 940},
        "pending": 0,
    }


def test_close_keeps_its_deadline_and_counts_the_remaining_items(exporter: Exporter) -> None:
    exporter.gate.clear()
    queue = queue_to(exporter)
    for item in range(15):
        queue.put(item)
    assert not queue.close(0.2)  # or the test would never end
    assert queue.account.view() == {"produced": 15, "exported": 0, "dropped": {"shutdown": 15}, "pending": 0}
    exporter.gate.set()


def test_an_export_that_finishes_after_close_does_not_change_the_account(exporter: Exporter) -> None:
    exporter.gate.clear()
    queue = queue_to(exporter)
    queue.put(1)
    queue.close(0.05)
    exporter.gate.set()
    wait_until(lambda: exporter.batches == [[1]], "the item is exported")
    wait_until(lambda: not queue._thread.is_alive(), "the thread has ended")
    assert queue.account.view() == {"produced": 1, "exported": 0, "dropped": {"shutdown": 1}, "pending": 0}


def test_items_put_after_close_are_counted_and_dropped(exporter: Exporter) -> None:
    queue = queue_to(exporter)
    queue.close(5)
    queue.put(1)
    assert queue.waiting() == 0
    assert not queue.flush(0)
    assert queue.account.view() == {
        "produced": 1,
        "exported": 0,
        "dropped": {"already_shutdown": 1},
        "pending": 0,
    }


def test_an_item_put_during_an_export_waits_for_the_next(exporter: Exporter) -> None:
    queue = queue_to(exporter, delay=0.05)
    exporter.gate.clear()
    queue.put(1)
    assert exporter.entered.wait(5)
    queue.put(2)
    exporter.gate.set()
    wait_until(lambda: exporter.batches == [[1], [2]], "both items are exported")
    assert queue.close(5)


def test_the_account_balances_at_every_moment_under_load(exporter: Exporter) -> None:
    queue = queue_to(exporter, capacity=20, size=5, delay=0.001)
    unbalanced: list[object] = []
    ended = threading.Event()

    def audit() -> None:
        while not ended.is_set():
            view = queue.account.view()
            known = view["exported"] + sum(view["dropped"].values()) + view["pending"]
            if view["produced"] != known or view["pending"] < 0:
                unbalanced.append(view)

    def produce() -> None:
        for item in range(3_000):
            queue.put(item)

    threads = [threading.Thread(target=produce) for _ in range(3)]
    auditor = threading.Thread(target=audit)
    auditor.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.close(5)
    ended.set()
    auditor.join()
    assert unbalanced == []
    assert queue.account.view()["produced"] == 9_000
    assert sum(len(batch) for batch in exporter.batches) == queue.account.view()["exported"]
