"""Which alerts to list."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, Field, StringConstraints

from app.core.errors import FieldError, Invalid
from app.monitoring.alerts.records import AlertState
from app.monitoring.alerts.shapes import AlertOut
from app.monitoring.pages import LONGEST_CURSOR
from app.monitoring.parameters import TimeText

MAX_LIMIT: Final = 200
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class AlertFilters(BaseModel):
    """Which alerts to list; every filter that is given must fit."""

    severity: Word | None = Field(None, examples=["page"])
    alertname: Word | None = Field(None, examples=["LmsDown"])
    state: AlertState | None = Field(None, description="Default: all that fire.")
    begin: TimeText | None = Field(
        None, alias="from", description="Fired not before this time.", examples=["2026-01-05T00:00:00Z"]
    )
    end: TimeText | None = Field(
        None, alias="to", description="Fired before this time.", examples=["2026-01-06T00:00:00Z"]
    )
    test: bool = Field(default=False, description="Only alerts that were sent to try the channels.")
    cursor: Annotated[str, StringConstraints(max_length=LONGEST_CURSOR)] | None = Field(
        None,
        description="`next_cursor` of the previous page, with the same filters.",
        examples=["WyI1ZjJjIiwiMCIsIjA3NDI3NTc3IiwiM2Y5YWQyYzRiMWUwNWQ2ZiJd"],
    )
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="Alerts per page.")

    def require_order(self) -> None:
        """Raises Invalid if the range ends before it begins."""
        if self.begin is not None and self.end is not None and self.begin >= self.end:
            mistake = FieldError("query.to", "Must be later than `from`", "range_backwards")
            raise Invalid(count=1, errors=(mistake,))

    def fits(self, alert: AlertOut) -> bool:
        """Tells whether the alert is one of those."""
        return (
            self.severity in {None, alert.severity}
            and self.alertname in {None, alert.alertname}
            and self.state in {None, alert.state}
            and self.test == alert.test
            and (self.begin is None or alert.started_at >= self.begin)
            and (self.end is None or alert.started_at < self.end)
        )

    def question(self) -> list[object]:
        """Returns what identifies the list that these filters pick."""
        return [self.severity, self.alertname, self.state, self.begin, self.end, self.test]
