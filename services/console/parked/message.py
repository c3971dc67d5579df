"""A parked message as an operator sees it, and where a replay sends it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgpack

from shared.broker import Topology
from shared.broker.topology import WORK_QUEUES
from shared.errors import MailroomError
from shared.worker.runtime import ATTEMPTS, FAILURE, FIRST_FAILED_AT, LAST_FAILED_AT, ORIGIN, REASON

_SHOWN_OCTETS = 200


class OriginUnknown(MailroomError):
    """A parked message does not say which queue it came from; publish it by hand or discard it."""


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """One message of the parked queue."""

    message_id: str
    type: str
    headers: Mapping[str, Any] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def origin(self) -> str | None:
        """Full or short name of the queue it came from; the broker's own note where it moved it itself."""
        deaths = self.headers.get("x-death") or [{}]
        origin = self.headers.get(ORIGIN) or deaths[0].get("queue")
        return str(origin) if origin else None

    def summary(self) -> dict[str, object]:
        """Return what happened to it, for a line of a list."""
        return {
            "message_id": self.message_id,
            "type": self.type,
            "origin": self.origin,
            "failure": self.headers.get(FAILURE, "delivery limit"),
            "reason": self.headers.get(REASON, "delivered too often without being settled"),
            "attempts": self.headers.get(ATTEMPTS),
            "first_failed_at": self.headers.get(FIRST_FAILED_AT),
            "last_failed_at": self.headers.get(LAST_FAILED_AT),
        }

    def content(self) -> object:
        """Return the body decoded where it can be, its long octet strings cut."""
        try:
            return _cut(msgpack.unpackb(self.body))
        except (ValueError, msgpack.UnpackException):
            return _cut(self.body)


def return_address(message: ParkedMessage, topology: Topology) -> tuple[str, str]:
    """Return exchange and routing key that bring a replayed message to the queue it came from.

    Raises:
        OriginUnknown: the message does not say, or names a queue that no worker of ours consumes.
    """
    for queue in WORK_QUEUES:
        if message.origin in {queue, topology.name(queue)}:
            return topology.queue_address(queue)
    raise OriginUnknown(
        f"parked message {message.message_id!r} came from {message.origin!r}, which is none of our queues;"
        " publish it by hand or discard it"
    )


def _cut(value: object) -> object:
    if isinstance(value, bytes):
        rest = len(value) - _SHOWN_OCTETS
        text = value[:_SHOWN_OCTETS].decode("utf-8", "backslashreplace")
        return f"{text}… ({rest} octets more)" if rest > 0 else text
    if isinstance(value, dict):
        return {str(key): _cut(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cut(item) for item in value]
    return value
