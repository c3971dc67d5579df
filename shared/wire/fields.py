"""Reading the fields of a message body, each with its type, each refusal by name."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgpack

from shared.errors import MailroomError

CONTENT_TYPE = "application/msgpack"


_T = TypeVar("_T")


class WireError(MailroomError):
    """A message body is not what its type says; the message names the field."""


def pack(fields: Mapping[str, Any]) -> bytes:
    """Encode a body; text as UTF-8, bytes as bytes."""
    packed: bytes = msgpack.packb(fields, use_bin_type=True)
    return packed


def unpack(expected_type: str, given_type: str | None, body: bytes) -> Mapping[str, Any]:
    """Decode a body after checking that it is of the expected schema and version.

    Raises:
        WireError: another schema or version, bytes that are no msgpack, or no map with text keys.
    """
    if given_type != expected_type:
        raise WireError(f"message type {given_type!r} is not {expected_type!r}")
    try:
        fields = msgpack.unpackb(body, raw=False, strict_map_key=True)
    except (ValueError, msgpack.UnpackException) as error:
        raise WireError(f"{expected_type}: the body is not msgpack ({error})") from error
    if not isinstance(fields, dict):
        raise WireError(f"{expected_type}: the body is a {type(fields).__name__}, not a map")
    return fields


def take(fields: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    """Return the field `key`, which must be there and of type `kind` (a bool is no int).

    Raises:
        WireError: it is missing or of another type.
    """
    if key not in fields:
        raise WireError(f"the key {key!r} is missing")
    value = fields[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise WireError(f"{key!r} is {value!r:.80}, not a {kind.__name__}")
    return value


def take_optional(fields: Mapping[str, Any], key: str, kind: type[_T]) -> _T | None:
    """Return the field `key`, which must be there but may be nil.

    Raises:
        WireError: it is missing or of another type.
    """
    return None if key in fields and fields[key] is None else take(fields, key, kind)


def take_time(fields: Mapping[str, Any], key: str) -> datetime:
    """Return the RFC 3339 time in the field `key`.

    Raises:
        WireError: it is missing, no time, or a time without a zone.
    """
    text = take(fields, key, str)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise WireError(f"{key!r} is {text!r:.80}, not an RFC 3339 time") from error
    if moment.tzinfo is None:
        raise WireError(f"{key!r} is {text!r:.80}, a time without a zone")
    return moment


def take_texts(fields: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the non-empty list of texts in the field `key`.

    Raises:
        WireError: it is missing, empty, no list, or holds something else.
    """
    values = take(fields, key, list)
    if not values or not all(isinstance(value, str) for value in values):
        raise WireError(f"{key!r} is {values!r:.80}, not a list of texts with at least one")
    return tuple(values)
