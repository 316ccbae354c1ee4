"""Formats the message of a stdlib log record, whatever its text and its arguments are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from otel.foreign.names import is_scalar, shortened
from otel.foreign.values import LONGEST, Budget, text_of

_SHORT: Final = 1024
_MOST_ARGUMENTS: Final = 64


def message_of(record: logging.LogRecord) -> str:
    """Returns the record's message: never raises, at most 8,192 characters.

    Arguments appear as bounded text (`otel.foreign.values.Budget`), numbers in the format that the message
    asks for. If text and arguments do not match, both are shown side by side.
    """
    message, arguments = record.msg, record.args
    if type(record).getMessage is not logging.LogRecord.getMessage:
        return _overridden(record)
    text = message if type(message) is str else text_of(message)
    if not arguments:
        return shortened(text, LONGEST)
    budget = Budget()
    try:
        return shortened(text % _guarded(arguments, budget), LONGEST)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - wrong arguments in a library's log call must not lose its text
        return shortened(f"{text} {text_of(arguments)}", LONGEST)


def _overridden(record: logging.LogRecord) -> str:
    try:
        return text_of(record.getMessage())
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - as above
        return text_of(record.msg)


def _guarded(arguments: Any, budget: Budget) -> Any:  # noqa: ANN401 - stdlib takes a tuple or one mapping
    if type(arguments) is tuple:
        return tuple([_argument(each, budget) for each in arguments[:_MOST_ARGUMENTS]])
    return _Named(arguments, budget)


def _argument(value: Any, budget: Budget) -> Any:  # noqa: ANN401 - inspected by its type
    if is_scalar(value) and (type(value) is not str or len(value) <= _SHORT):
        return value
    return _Shown(value, budget)


class _Shown:
    """Stands in for an argument while the message is formatted, and bounds its text."""

    __slots__ = ("_budget", "_value")

    def __init__(self, value: Any, budget: Budget) -> None:  # noqa: ANN401 - any argument of a log call
        self._value = value
        self._budget = budget

    def __str__(self) -> str:
        return self._text(str)

    def __repr__(self) -> str:
        return self._text(repr)

    def __int__(self) -> int:
        return int(self._value)

    def __index__(self) -> int:
        return self._value.__index__()  # type: ignore[no-any-return]  # the number's own method

    def __float__(self) -> float:
        return float(self._value)

    def _text(self, form: Callable[[object], str]) -> str:
        budget = self._budget
        try:
            return budget.text(budget.own_text(self._value, form))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - the rest of the message is worth showing
            return str(budget.value(self._value))


class _Named(_Shown):
    """Stands in for the mapping of a message's named arguments."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - see `_argument`
        return _argument(self._value[key], self._budget)
