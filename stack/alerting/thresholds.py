"""The numbers that rules, routes and cases share: alertmanager/thresholds.yml and an environment's overlay.

A source names one as ``${host_disk_used}``, which becomes the number in its base unit, or as
``${host_disk_used:text}``, which becomes what people read: ``85 %``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from stack.alerting.errors import AlertingError
from stack.alerting.sources import ENVIRONMENTS, THRESHOLDS
from stack.alerting.units import UNITS, as_number, as_text, mistake
from stack.alerting.yaml_files import read_mapping

_PLACEHOLDER: Final = re.compile(r"\$\{([a-z][a-z0-9_]*)(:text)?\}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_ENVIRONMENT: Final = re.compile(r"\w[\w.-]*")
_FIELDS: Final = {"value", "unit", "reason"}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number with its unit, and why it is that number."""

    value: float | str
    unit: str
    reason: str

    @property
    def number(self) -> str:
        """The number as PromQL and YAML read it, in the base unit; a duration as ``15m``."""
        return as_number(self.value)

    @property
    def text(self) -> str:
        """The number as people read it."""
        return as_text(self.value, self.unit)


class Thresholds(dict[str, Threshold]):
    """Every threshold by name."""

    @classmethod
    def load(cls, environment: str = "", *, source: Path = THRESHOLDS, overlays: Path | None = None) -> Self:
        """Returns the thresholds of an environment.

        Args:
            environment: the deployment's name; without a file of that name in ``overlays`` nothing differs.
            source: the file of all thresholds.
            overlays: the folder of environments; default: the repository's.

        Raises:
            AlertingError: one line per mistake, each with file, threshold and fix.
        """
        found, mistakes = _read(source)
        overlay = (overlays or ENVIRONMENTS) / f"{environment}.yml"
        if _ENVIRONMENT.fullmatch(environment) and overlay.is_file():
            mistakes += _overlay(found, overlay)
        if mistakes:
            raise AlertingError("\n".join(mistakes))
        return cls(found)

    def __missing__(self, name: str) -> Threshold:
        """Raises AlertingError, which names the most similar threshold."""
        raise AlertingError(f"{name} is no threshold.{_near(name, self)}")

    def fill(self, text: str, name: str) -> str:
        """Returns the text of a source with its placeholders filled in.

        Raises:
            AlertingError: a placeholder that no threshold has; ``name`` is the source's.
        """

        def filled(match: re.Match[str]) -> str:
            known = self.get(match[1])
            if known is None:
                raise AlertingError(f"{name}: {match[0]} is in no threshold.{_near(match[1], self)}")
            return known.text if match[2] else known.number

        return _PLACEHOLDER.sub(filled, text)


def environments() -> list[str]:
    """Returns the environments that have an overlay, sorted."""
    return sorted(path.stem for path in ENVIRONMENTS.glob("*.yml"))


def names_in(text: str) -> list[str]:
    """Returns the thresholds that a source names, each once, in order."""
    return list(dict.fromkeys(match[1] for match in _PLACEHOLDER.finditer(text)))


def _read(path: Path) -> tuple[dict[str, Threshold], list[str]]:
    found: dict[str, Threshold] = {}
    mistakes = []
    for name, fields in read_mapping(path).items():
        wrong = _wrong(name, fields)
        if wrong:
            mistakes.append(f"{path.name}: {name}: {wrong}")
        else:
            found[name] = Threshold(fields["value"], fields["unit"], fields["reason"])
    return found, mistakes


def _wrong(name: object, fields: object) -> str:
    """Returns what is wrong with an entry, or nothing."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "a name is lower-case letters, digits and _, such as host_disk_used."
    if not isinstance(fields, Mapping):
        return "needs value, unit and reason, such as {value: 0.85, unit: ratio, reason: why}."
    lacking, unknown = _FIELDS - set(fields), set(fields) - _FIELDS
    if lacking:
        return f"lacks {' and '.join(sorted(lacking))}."
    if unknown:
        return f"{', '.join(sorted(map(str, unknown)))} is unknown: it has value, unit and reason."
    return _wrong_content(fields)


def _wrong_content(fields: Mapping[str, Any]) -> str:
    if fields["unit"] not in UNITS:
        return f"unit {fields['unit']!r} is unknown: use one of {', '.join(UNITS)}."
    if not isinstance(fields["reason"], str) or not fields["reason"].strip():
        return "reason must say why it is this number."
    return mistake(fields["value"], fields["unit"])


def _overlay(found: dict[str, Threshold], path: Path) -> list[str]:
    """Replaces what the overlay changes, and returns its mistakes."""
    content = read_mapping(path)
    if unknown := [key for key in content if key != "thresholds"]:
        return [f"{path.name}: {unknown[0]}: is unknown: an overlay has `thresholds` only."]
    values = content.get("thresholds") or {}
    if not isinstance(values, Mapping):
        return [f"{path.name}: thresholds must be a mapping of names to values."]
    mistakes = []
    for name, value in values.items():
        known = found.get(name)
        wrong = f"is no threshold.{_near(str(name), found)}" if known is None else mistake(value, known.unit)
        if wrong:
            mistakes.append(f"{path.name}: thresholds.{name}: {wrong}")
        elif known is not None:
            found[name] = Threshold(value, known.unit, known.reason)
    return mistakes


def _near(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f" Do you mean {near[0]}?" if near else f" Add it to {THRESHOLDS.name}."
