"""The hot part of OTLP's protobuf encoding: attributes and record heads, written as bytes.

The exporters' own encoder (1.45.2) creates a protobuf object for every attribute and hashes the resource as
JSON for every span: nine times the work. In protobuf's wire format a message is the concatenation of its
fields, so repeated attributes, which most are, are encoded once and cached; rare values are left to
protobuf's own classes. Source: protobuf.dev, "Encoding"; opentelemetry-proto 1.x for the field numbers.
"""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.common._internal import _encode_value
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel.encodable import Encodable
from otel.foreign.values import error_text, text_of
from otel.metrics.self import count_unencodable

Clean = Callable[[str, Any], Any]
"""Takes a key and its value and returns the value that may be exported."""

_REMEMBERED: Final = 8192
_LONGEST_REMEMBERED: Final = 256
_SHORTEST_ID: Final = 24
_DOUBLE: Final = struct.Struct("<cd")
# Equal values of one of these types have equal encodings.
_REMEMBERABLE: Final = frozenset({str, int, bool})
_TIME_END: Final = 2**64
ENCODABLE: Final = Encodable(count_unencodable)
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
    """Encodes a length-delimited field: text, bytes or a message."""
    return tag + varint(len(content)) + content


def text(tag: bytes, content: str) -> bytes:
    """Encodes a text; a lone surrogate becomes a question mark."""
    return delimited(tag, ENCODABLE.text(content).encode())


def moment(nanoseconds: Any) -> int:  # noqa: ANN401 - whatever the caller passed
    """Returns a time in nanoseconds since the epoch as OTLP has it; 0, meaning unknown, if it is no time."""
    if type(nanoseconds) is float and math.isfinite(nanoseconds):
        nanoseconds = int(nanoseconds)
    return nanoseconds if type(nanoseconds) is int and 0 <= nanoseconds < _TIME_END else 0


def any_value(value: Any) -> bytes:  # noqa: ANN401 - as the next line says
    """Encodes a value that `Encodable` has returned."""
    if type(value) is str:
        return delimited(b"\x0a", value.encode())
    encoded: bytes = _encode_value(value).SerializeToString()
    return encoded


class AttributeEncoder:
    """Encodes attributes as the repeated field `tag` of a message, after redacting each.

    Short texts, integers and booleans are cached with their keys, except ids, which occur once, and values
    that had to be changed, which are counted each time.
    Thread-safe: at worst two threads encode the same attribute twice.
    """

    def __init__(
        self, tag: bytes, clean: Clean | None = None, clean_name: Callable[[str], str] | None = None
    ) -> None:
        self._tag = tag
        self._clean = clean
        self._clean_name = clean_name
        # By type, because 1 and True are equal; a key with the type in it would be tracked by the GC.
        self._known: dict[type, dict[tuple[str, Any], bytes]] = {kind: {} for kind in _REMEMBERABLE}

    def encode(
        self, attributes: Iterable[tuple[str, Any]], into: list[bytes], without: Container[str] = ()
    ) -> None:
        """Appends the encoded fields; an attribute that cannot be encoded is left out and counted."""
        known = self._known
        for key, value in attributes:
            if key in without:
                continue
            try:
                into.append(known[value.__class__][key, value])
            except Exception:  # noqa: BLE001 - KeyError for a new attribute, anything for a key of a foreign type
                into.append(self._encode(key, value))

    def _encode(self, key: str, value: object) -> bytes:
        try:
            sendable_name = ENCODABLE.text(key)
            name = sendable_name if self._clean_name is None else self._clean_name(sendable_name)
            sendable = value if type(value) is float else ENCODABLE.value(value)
            clean = sendable if self._clean is None else self._clean(key, sendable)
            content = _content(clean if clean is sendable else ENCODABLE.value(clean))
        except Exception as error:  # noqa: BLE001 - such as failed redaction; the other attributes must arrive
            count_unencodable("failed")
            _log.warning("attribute %s cannot be encoded: %s", text_of(key), error_text(error))
            return b""
        field = delimited(self._tag, delimited(b"\x0a", name.encode()) + content)
        if name is key and sendable is value and _is_worth_remembering(value, field):
            known = self._known[type(value)]
            if len(known) >= _REMEMBERED:
                known.clear()
            known[name, value] = field
        return field


def _content(value: Any) -> bytes:  # noqa: ANN401 - what `Encodable` has returned
    if type(value) is float:
        return b"\x12\x09" + _DOUBLE.pack(b"\x21", value)
    return delimited(b"\x12", any_value(value))


def _is_worth_remembering(value: object, field: bytes) -> bool:
    if type(value) not in _REMEMBERABLE or len(field) > _LONGEST_REMEMBERED:
        return False
    return not (isinstance(value, str) and len(value) >= _SHORTEST_ID and value.isalnum())


class Envelope:
    """Groups encoded records into an export request: by resource, then by instrumentation scope.

    Traces and logs share these field numbers.
    """

    def __init__(self) -> None:
        self._groups: dict[tuple[int, int], tuple[Resource, InstrumentationScope | None, list[bytes]]] = {}

    def records_of(self, resource: Resource, scope: InstrumentationScope | None) -> list[bytes]:
        """Returns the list to which this scope's encoded records are appended."""
        # By identity: the SDK's own hash of a resource costs more than encoding a whole span.
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
    fields: list[bytes] = []
    _ATTRIBUTES_OF_RESOURCE.encode(resource.attributes.items(), fields)
    head = [delimited(b"\x0a", b"".join(fields))]
    if resource.schema_url:
        head.append(text(b"\x1a", resource.schema_url))
    return head


def _scope_records(scope: InstrumentationScope | None, records: list[bytes]) -> bytes:
    fields: list[bytes] = []
    if scope is not None:
        fields += (text(b"\x0a", scope.name), text(b"\x12", scope.version or ""))
        _ATTRIBUTES_OF_SCOPE.encode((scope.attributes or {}).items(), fields)
    schema = scope.schema_url if scope is not None else None
    head = delimited(b"\x0a", b"".join(fields))
    return b"".join([head, *records, text(b"\x1a", schema) if schema else b""])


_ATTRIBUTES_OF_RESOURCE: Final = AttributeEncoder(b"\x0a")
_ATTRIBUTES_OF_SCOPE: Final = AttributeEncoder(b"\x1a")


def plain_items(attributes: Mapping[str, Any] | None) -> Iterable[tuple[str, Any]]:
    """Returns the items of the SDK's attributes in one call: their own iteration makes three per item."""
    copied: Any = getattr(attributes, "copy", None)
    return (copied() if copied is not None else attributes or {}).items()
