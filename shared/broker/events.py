"""Telling other systems what has happened, on the topic exchange `events` (contracts 4).

Best effort, and only after the fact is committed: an event may be lost when the process or the broker dies,
or while the broker takes no messages, and comes twice when the work it tells of was done twice. The database
has the truth; an event is a reason to look.
"""

from datetime import UTC, datetime
from typing import Protocol, Self

import structlog

from shared.broker.message import Outgoing
from shared.broker.topology import Topology
from shared.settings import Settings
from shared.wire.event import Detail, Event

_log = structlog.get_logger()


class Posting(Protocol):
    """What events are sent with; `shared.broker.publisher.Publisher` is the real one."""

    def post(self, messages: list[Outgoing]) -> None:
        """Publish without waiting, for whoever may be listening."""


class Events:
    """Announces events, or does nothing where nobody wants any.

    Args:
        exchange: full name of the topic exchange.
        posting: sends them; None: nothing is announced.
    """

    def __init__(self, exchange: str, posting: Posting | None) -> None:
        self._exchange = exchange
        self._posting = posting

    @classmethod
    def of(cls, settings: Settings, posting: Posting) -> Self:
        """Return what `events.publish` asks for."""
        return cls(Topology.of(settings).events_exchange, posting if settings.events.publish else None)

    @classmethod
    def off(cls) -> Self:
        """Return what announces nothing."""
        return cls("", None)

    def announce(self, kind: str, subject_id: str, **details: Detail) -> None:
        """Tell that something has happened; never raises and never waits.

        Args:
            kind: the event's name and routing key, such as `ndr.issued`.
            subject_id: of the NDR, the run or the mail.
            details: what else is worth knowing.
        """
        if self._posting is None:
            return
        try:
            event = Event(kind, subject_id, datetime.now(UTC), details)
            self._posting.post([Outgoing(self._exchange, kind, event.message_id, event.TYPE, event.encode())])
        except Exception:  # noqa: BLE001 - what is told of the work must never undo it
            _log.exception("an event was not published", action="event-failed", event_name=kind)
