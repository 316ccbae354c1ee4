"""Colours by meaning, and the numbers at which they change, which are those of the alerts.

The colours are Okabe and Ito's (2008), which people with any kind of colour blindness can tell apart. A state
is never shown by its colour alone: panels that show one also show its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import dashboard as models

from grafana.queries import PanelError
from stack.alerting.thresholds import Thresholds

GOOD: Final = "#009E73"
WARN: Final = "#E69F00"
BAD: Final = "#D55E00"
CALM: Final = "#0072B2"
FAINT: Final = "#999999"
PINK: Final = "#CC79A7"
# For series without a meaning, in this order.
SERIES: Final = (CALM, WARN, GOOD, PINK, "#56B4E9", BAD, "#F0E442", FAINT)
# By label: what its values mean, wherever lines are called by the label alone.
MEANT: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "lms_rate_limit_backend": {CALM: ("redis",), WARN: ("local",)},
    "lms_rate_limit_outcome": {CALM: ("allowed",), BAD: ("refused",), WARN: ("shadow_refused",)},
    "outcome": {
        CALM: ("success", "created", "passed", "recorded", "valid", "begun"),
        BAD: ("wrong_password", "failed", "refused", "invalid"),
        WARN: ("unknown_user", "email_taken", "full", "exhausted", "postponed", "abandoned"),
        FAINT: ("repeated", "truncated", "unknown"),
        PINK: ("closed", "dropped"),
    },
    "severity_text": {PINK: ("FATAL",), BAD: ("ERROR",), WARN: ("WARN",), CALM: ("INFO",), FAINT: ("DEBUG",)},
    "signal": {CALM: ("traces",), WARN: ("metrics",), GOOD: ("logs",)},
}
# The palette that goes by a series' name: a series keeps its colour when others come and go.
_BY_NAME: Final = models.FieldColorModeId.PALETTE_CLASSIC_BY_NAME
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


def painted(panel: timeseries.Panel, legends: Sequence[str]) -> timeseries.Panel:
    """Colours the lines: those whose names are known before there is data, by ours.

    The others have Grafana's palette, and none of those is safe for the colour-blind before its version 13.1.
    """
    panel = panel.color_scheme(builders.FieldColor().mode(_BY_NAME))
    meant = [MEANT.get(legend[2:-2], {}) for legend in legends if legend.startswith("{{")]
    for color, names in (item for each in meant for item in each.items()):
        panel = panel.override_by_regexp(f"/^({'|'.join(names)})$/", [_fixed(color)])
    free = [color for color in SERIES if not any(color in each for each in meant)]
    plain = [legend for legend in legends if legend and "{{" not in legend]
    for name, color in zip(plain, free, strict=False):
        panel = panel.override_by_name(name, [_fixed(color)])
    return panel


def _fixed(color: str) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": color})


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
