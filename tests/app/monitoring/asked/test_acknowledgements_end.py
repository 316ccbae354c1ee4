"""An acknowledgement lasts as long as its alert: the end reaches everybody, and the next time pages again."""

from __future__ import annotations

from tests.app.monitoring.asked.test_history import World, around, steps

__all__ = ["around"]


def test_the_end_of_an_acknowledged_alert_reaches_everybody(around: World) -> None:
    with around.platform() as lms:
        around.watch.fire()
        first = lms.firing("firing", "notified")
        lms.acknowledge(first["fingerprint"])
        lms.firing("acknowledged")
        around.watch.end()
        assert lms.resolved("resolution_sent")["id"] == first["id"]

        around.watch.fire()
        again = lms.firing("firing", "notified")
        assert again["id"] != first["id"]
        assert "acknowledged" not in steps(again)
