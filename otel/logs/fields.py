"""The fields of a log entry: the call's keywords and its error, redacted and bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from otel.foreign.failure import stack_pieces
from otel.foreign.names import CUT_COUNT, full_type_name
from otel.foreign.values import Budget, error_text, text_of
from otel.logs.render import STACKTRACE, Entry

if TYPE_CHECKING:
    from otel.redaction.engine import Redactor

# By `id`: hashing a foreign class may raise.
_UNCHANGING: Final = frozenset(map(id, (str, int, float, bool, type(None))))
_FEW, _SHORT = 16, 512  # fields, and characters of each: together below a budget
_LARGE: Final = 2**63
_LONGEST_KEY: Final = 256
_LONGEST_MESSAGE: Final = 2048


def is_unchanging(value: object) -> bool:
    """Returns whether a value's type is immutable."""
    return id(type(value)) in _UNCHANGING


def add_fields(entry: Entry, fields: Mapping[str, object], redactor: Redactor) -> None:
    """Adds a record's fields, redacted, up to the limits of one record."""
    few = len(fields) <= _FEW
    odd: dict[str, object] = {}
    for name, value in fields.items():
        if type(name) is not str or not _is_small(value, few=few):
            odd[name] = value
            continue
        # A field needs a name, and must not pass for one of the pipeline's own.
        key = name if name and name not in entry else f"{name}_"
        entry[redactor.text(key)] = redactor.value(name, value)
    if odd:
        _add_odd(entry, odd, redactor)


def _add_odd(entry: Entry, fields: Mapping[str, object], redactor: Redactor) -> None:
    """Add long values and values of any type, up to the limits of one record."""
    budget = Budget()
    for name, value in fields.items():
        if budget.nodes <= 0:
            budget.cut += 1
            continue
        key = text_of(name, _LONGEST_KEY)
        plain = budget.value(value)
        entry[redactor.text(key if key and key not in entry else f"{key}_")] = redactor.plain(key, plain)
    if budget.cut:
        entry[CUT_COUNT] = budget.cut


def add_exception(entry: Entry, error: BaseException, redactor: Redactor) -> None:
    """Adds an error's type, message and stack trace, redacted and bounded."""
    # https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-logs/
    entry["exception.type"] = full_type_name(type(error))
    entry["exception.message"] = redactor.text(error_text(error, _LONGEST_MESSAGE))
    # Piece by piece, because clean frames are cached; no secret spans two of them.
    entry[STACKTRACE] = "".join(map(redactor.text, stack_pieces(error)))


def _is_small(value: object, *, few: bool) -> bool:
    """Returns whether a value needs no budget: a short text among few fields, or a number of usual size."""
    kind = type(value)
    if kind is str:
        return few and len(value) <= _SHORT  # type: ignore[arg-type]  # it is a text
    if kind is int:
        return -_LARGE < value < _LARGE  # type: ignore[operator]  # it is a number
    return id(kind) in _UNCHANGING
