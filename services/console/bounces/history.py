"""What the database knows of the bounces from and to an address."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from shared.database.statements import load_statements

_SQL = load_statements("services.console.bounces", "why.sql")

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Audited:
    """An entry that is dealt with; digest fields only where it waited for one."""

    at: datetime
    action: str
    ndr_id: UUID | None
    message_id: int
    entry_id: int
    sender: str
    recipient: str
    diagnostic: str | None
    digest_id: UUID | None
    digested_at: datetime | None

    @property
    def mail_id(self) -> str | None:
        """The mail that told of it, if one was made."""
        if self.digest_id:
            return f"digest.{self.digest_id}"
        return f"ndr.{self.ndr_id}" if self.ndr_id else None


@dataclass(frozen=True, slots=True)
class Queued:
    """An entry in the queue, whatever its status."""

    at: datetime
    status: str
    ndr_id: UUID | None
    message_id: int
    entry_id: int
    sender: str
    recipient: str
    diagnostic: str | None
    attempts: int
    leased_until: datetime | None
    leased: bool


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An entry in quarantine."""

    at: datetime
    message_id: int
    entry_id: int
    sender: str
    recipient: str
    reason: str


@dataclass(frozen=True, slots=True)
class MailDelivery:
    """What became of one mail at one envelope recipient."""

    mail_id: str
    recipient: str
    state: str
    attempts: int
    leased_until: datetime | None
    leased: bool
    reply: str | None
    remote_mta: str | None
    last_attempt_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of an address."""

    audited: tuple[Audited, ...] = ()
    queued: tuple[Queued, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    deliveries: tuple[MailDelivery, ...] = ()


def read_history(connection: Connection, address: str, limit: int) -> History:
    """Read what is known of an address as sender and as recipient, in any case.

    Args:
        connection: to the bounce queue.
        address: without angle brackets.
        limit: the most rows of each kind, the latest.
    """
    return _read(connection, {"address": address, "entry_id": None, "limit": limit})


def read_entry(connection: Connection, entry_id: int) -> History:
    """Read what is known of one entry, wherever it is."""
    return _read(connection, {"address": None, "entry_id": entry_id, "limit": None})


def _read(connection: Connection, asked: Mapping[str, object]) -> History:
    audited = _rows(connection, Audited, "audited", asked)
    told = {"mail_ids": [entry.mail_id for entry in audited if entry.mail_id]}
    return History(
        audited,
        _rows(connection, Queued, "queued", asked),
        _rows(connection, Quarantined, "quarantined", asked),
        _rows(connection, MailDelivery, "deliveries", told),
    )


def nearest_address(connection: Connection, address: str) -> str | None:
    """Return the known address that is most like one nothing is known of."""
    known = {row[0] for row in connection.execute(_SQL["known_addresses"]) if row[0]}
    return next(iter(difflib.get_close_matches(address, known, n=1, cutoff=0.7)), None)


def _rows(
    connection: Connection, kind: type[_Row], statement: str, asked: Mapping[str, object]
) -> tuple[_Row, ...]:
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return tuple(cursor.execute(_SQL[statement], asked))
