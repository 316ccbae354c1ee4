"""The hot part of OTLP's protobuf encoding: attributes and record heads, written as bytes.

The exporters' own encoder (1.45.2) makes a protobuf object for every attribute and hashes the resource as
JSON for every span: nine times the work. In protobuf's wire format a message is the concatenation of its
fields, so what repeats - most attributes do - is encoded once and remembered, and what is rare is left to
protobuf's own classes. Source: protobuf.dev, "Encoding"; opentelemetry-proto 1.x for the field numbers.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.common._internal import (
    _encode_instrumentation_scope,
    _encode_key_value,
    _encode_resource,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

Clean = Callable[[str, Any], Any]
"""Takes a key and its value and returns the value that may leave."""

_REMEMBERED: Final = 8192
_LONGEST_REMEMBERED: Final = 256
_SHORTEST_ID: Final = 24
_DOUBLE: Final = struct.Struct("<cd")
# Values of these types are equal only if their encodings are, given the type.
_REMEMBERABLE: Final = frozenset({str, int, bool})
_log = logging.getLogger(__name__)


def varint(number: int) -> bytes:
    """Encodes a whole number of at least zero, seven bits per byte, the lowest first."""
    if number < 0x80:  # noqa: PLR2004 - one byte holds seven bits
        return number.to_bytes()
    octets = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - as above
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def delimited(tag: bytes, content: bytes) -> bytes:
    """Encodes a field that has a length: text, bytes or a message."""
    return tag + varint(len(content)) + content


def text(tag: bytes, content: str) -> bytes:
    """Encodes a text; half a surrogate pair, which UTF-8 has no form for, becomes a question mark."""
    return delimited(tag, content.encode("utf-8", "replace"))


class AttributeEncoder:
    """Encodes attributes as the repeated field `tag` of some message, each made clean before.

    Short texts, whole numbers and truth values are remembered with their keys, but no ids, which come once.
    Thread-safe: two threads at worst encode the same attribute twice.
    """

    def __init__(
        self, tag: bytes, clean: Clean | None = None, clean_key: Callable[[str], str] | None = None
    ) -> None:
        self._tag = tag
        self._clean = clean
        self._clean_key = clean_key
        # By type, because 1 and True are equal; not in one key, which the garbage collector would then watch.
        self._known: dict[type, dict[tuple[str, Any], bytes]] = {kind: {} for kind in _REMEMBERABLE}

    def encode(
        self, attributes: Iterable[tuple[str, Any]], into: list[bytes], without: Container[str] = ()
    ) -> None:
        """Appends the encoded fields; an attribute that cannot be encoded is left out and logged."""
        known = self._known
        for key, value in attributes:
            if key in without:
                continue
            try:
                into.append(known[value.__class__][key, value])
            except (KeyError, TypeError):
                into.append(self._encode(key, value))

    def _encode(self, key: str, value: object) -> bytes:
        clean = value if self._clean is None else self._clean(key, value)
        field = self._field(key if self._clean_key is None else self._clean_key(key), clean)
        if type(value) not in _REMEMBERABLE or len(field) > _LONGEST_REMEMBERED or _is_id(value):
            return field
        known = self._known[type(value)]
        if len(known) >= _REMEMBERED:
            known.clear()
        known[key, value] = field
        return field

    def _field(self, key: str, value: object) -> bytes:
        if type(value) is str:
            return delimited(self._tag, text(b"\x0a", key) + delimited(b"\x12", text(b"\x0a", value)))
        if type(value) is float:
            return delimited(self._tag, text(b"\x0a", key) + b"\x12\x09" + _DOUBLE.pack(b"\x21", value))
        try:
            return delimited(self._tag, _encode_key_value(key, value).SerializeToString())
        except Exception as error:  # noqa: BLE001 - protobuf's own errors; the other attributes must arrive
            _log.warning("attribute %s cannot be encoded: %s", key, error)
            return b""


def _is_id(value: object) -> bool:
    return isinstance(value, str) and len(value) >= _SHORTEST_ID and value.isalnum()


class Envelope:
    """Puts encoded records into an export request: by resource, then by instrumentation scope.

    Traces and logs have the same field numbers there.
    """

    def __init__(self) -> None:
        self._groups: dict[tuple[int, int], tuple[Resource, InstrumentationScope | None, list[bytes]]] = {}

    def records_of(self, resource: Resource, scope: InstrumentationScope | None) -> list[bytes]:
        """Returns the list that takes the encoded fields of this scope's records."""
        # By identity: the SDK's own hash of a resource costs more than a whole span.
        key = id(resource), id(scope)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = (resource, scope, [])
        return group[2]

    def to_bytes(self) -> bytes:
        """Returns the request."""
        resources: dict[int, list[bytes]] = {}
        for resource, scope, records in self._groups.values():
            fields = resources.setdefault(id(resource), _resource_head(resource))
            fields.append(delimited(b"\x12", _scope_records(scope, records)))
        return b"".join(delimited(b"\x0a", b"".join(fields)) for fields in resources.values())


def _resource_head(resource: Resource) -> list[bytes]:
    head = [delimited(b"\x0a", _encode_resource(resource).SerializeToString())]
    if resource.schema_url:
        head.append(text(b"\x1a", resource.schema_url))
    return head


def _scope_records(scope: InstrumentationScope | None, records: list[bytes]) -> bytes:
    encoded: Any = _encode_instrumentation_scope(scope)  # type: ignore[arg-type]  # it takes None
    head = delimited(b"\x0a", encoded.SerializeToString())
    schema = scope.schema_url if scope is not None else None
    return b"".join([head, *records, text(b"\x1a", schema) if schema else b""])


def plain_items(attributes: Mapping[str, Any] | None) -> Iterable[tuple[str, Any]]:
    """Returns the items of the SDK's attributes by one call: its own iteration makes three per item."""
    copied: Any = getattr(attributes, "copy", None)
    return (copied() if copied is not None else attributes or {}).items()
