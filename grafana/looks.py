"""Colours by meaning, and the numbers at which they change, which are those of the alerts.

The colours are Okabe and Ito's (2008), which people with any kind of colour blindness can tell apart. A state
is never shown by its colour alone: panels that show one also show its text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from grafana.queries import PanelError
from stack.alerting.thresholds import Thresholds

GOOD: Final = "#009E73"
WARN: Final = "#E69F00"
BAD: Final = "#D55E00"
CALM: Final = "#0072B2"
FAINT: Final = "#999999"
# For series without a meaning, in this order.
SERIES: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
# The palette that goes by a series' name: a series keeps its colour when others come and go.
BY_NAME: Final = models.FieldColorModeId.PALETTE_CLASSIC_BY_NAME
_LEAST: Final = -1e12
_UP_TO: Final = "<="


@dataclass(frozen=True, slots=True)
class Limit:
    """The number from which a value is bad, as the alert has it.

    Args:
        name: in ``alertmanager/thresholds.yml``.
        below: whether values below it are bad, and not those above.
        factor: what the panel's unit is to the threshold's, for a panel in another unit.
    """

    name: str
    below: bool = False
    factor: float = 1

    def value(self, thresholds: Thresholds) -> float:
        """Returns the number among these thresholds, in the panel's unit.

        Raises:
            AlertingError: none of them has this name.
        """
        return float(thresholds[self.name].number) * self.factor


def steps(limit: Limit | None, thresholds: Thresholds) -> builders.ThresholdsConfig:
    """Returns the steps of a panel's colour: good, and bad from the limit on; without one, calm."""
    if limit is None:
        return _config([(None, CALM)])
    number = limit.value(thresholds)
    first, second = (BAD, GOOD) if limit.below else (GOOD, BAD)
    return _config([(None, first), (number, second)])


def exactly(*found: tuple[float | None, str]) -> builders.ThresholdsConfig:
    """Returns steps that no alert has: of a state, where 0 and 1 are the only values."""
    return _config(list(found))


def _config(found: list[tuple[float | None, str]]) -> builders.ThresholdsConfig:
    listed = [models.Threshold(value=value, color=color) for value, color in found]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(listed)


def states(found: dict[str, tuple[str, str]]) -> list[models.ValueMapping]:
    """Returns the mapping of values to (text, colour).

    A value as ``<=0`` is all up to it; an empty text leaves the number.

    Raises:
        PanelError: behind ``<=`` is no number.
    """
    results = {
        value: models.ValueMappingResult(text=text or None, color=color, index=index)
        for index, (value, (text, color)) in enumerate(found.items())
    }
    single = {value: result for value, result in results.items() if not value.startswith(_UP_TO)}
    ranges = [
        models.RangeMap(
            # Grafana reads a range without its lower end as one that begins at 0.
            options=models.DashboardRangeMapOptions(from_val=_LEAST, to=_end(value), result=result)
        )
        for value, result in results.items()
        if value.startswith(_UP_TO)
    ]
    return [*([models.ValueMap(options=single)] if single else []), *ranges]


def _end(value: str) -> float:
    try:
        return float(value.removeprefix(_UP_TO))
    except ValueError:
        raise PanelError(f"states: {value!r} is no range: write it like <=0.") from None
