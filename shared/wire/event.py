"""`event/1`: something that has happened, for whoever listens."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Self

from shared.wire.fields import WireError, pack, take, take_time, unpack

#: What an event may say of its subject.
Detail = str | int | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened to an NDR, a report run or a mail."""

    TYPE: ClassVar[str] = "event/1"

    #: ndr.issued, ndr.discarded, report.sent, report.empty, report.failed, mail.delivered, mail.deferred or
    #: mail.failed; the routing key too.
    event: str
    #: Of the NDR, the run or the mail.
    subject_id: str
    at: datetime
    details: Mapping[str, Detail] = field(default_factory=dict)

    @property
    def message_id(self) -> str:
        """The AMQP message id: the same if the same is told twice, whenever that is."""
        told = pack({"event": self.event, "subject_id": self.subject_id, "details": self._sorted_details()})
        return f"{self.event}.{hashlib.sha256(told).hexdigest()[:32]}"

    def encode(self) -> bytes:
        """Return the msgpack body."""
        return pack(
            {
                "event": self.event,
                "subject_id": self.subject_id,
                "at": self.at.isoformat(),
                "details": self._sorted_details(),
            }
        )

    @classmethod
    def decode(cls, message_type: str | None, body: bytes) -> Self:
        """Read a body.

        Raises:
            WireError: it is not an event/1; the message names the field.
        """
        fields = unpack(cls.TYPE, message_type, body)
        details = take(fields, "details", dict)
        for key, value in details.items():
            if isinstance(value, bool) or not isinstance(value, str | int | None):
                raise WireError(f"'details' has {key!r} = {value!r:.80}, neither text nor integer nor nil")
        return cls(
            event=take(fields, "event", str),
            subject_id=take(fields, "subject_id", str),
            at=take_time(fields, "at"),
            details=details,
        )

    def _sorted_details(self) -> dict[str, Detail]:
        return dict(sorted(self.details.items()))
