"""`bounces.poll/1`: take one batch of bounced entries; if it was full, pass the baton."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Self

from shared.wire.fields import WireError, pack, take, take_time, unpack


@dataclass(frozen=True, slots=True)
class BouncesPoll:
    """A command to the NDR worker: one hop of a chain of polls."""

    TYPE: ClassVar[str] = "bounces.poll/1"

    poll_id: str
    nominal_at: datetime
    #: 0 for the scheduler's poll, one more at each baton.
    hop: int = 0

    @property
    def message_id(self) -> str:
        """The AMQP message id: the same however often this hop is published."""
        return f"{self.poll_id}.{self.hop}"

    def baton(self) -> Self:
        """Return the next poll of the chain."""
        return replace(self, hop=self.hop + 1)

    def encode(self) -> bytes:
        """Return the msgpack body."""
        return pack({"poll_id": self.poll_id, "nominal_at": self.nominal_at.isoformat(), "hop": self.hop})

    @classmethod
    def decode(cls, message_type: str | None, body: bytes) -> Self:
        """Read a body.

        Raises:
            WireError: it is not a bounces.poll/1; the message names the field.
        """
        fields = unpack(cls.TYPE, message_type, body)
        hop = take(fields, "hop", int)
        if hop < 0:
            raise WireError(f"'hop' is {hop}, less than 0")
        return cls(poll_id=take(fields, "poll_id", str), nominal_at=take_time(fields, "nominal_at"), hop=hop)
