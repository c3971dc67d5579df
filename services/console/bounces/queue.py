"""Looking into the bounce queue, and changing it as an operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from shared.database.statements import load_statements
from shared.errors import MailroomError

_SQL = load_statements("services.console.bounces", "queue.sql")
#: What the NDR worker takes; the other entries are the MTA's.
_OURS = frozenset({"bounced", "delivered"})
_DISCARDABLE = _OURS | {"quarantined"}


class State(StrEnum):
    """Where a bounced entry is."""

    WAITING = "waiting"
    LEASED = "leased"
    QUARANTINED = "quarantined"
    AUDITED = "audited"


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """A bounced entry as it is listed.

    Attributes:
        state: where it is.
        entry_id: its id.
        message_id: of its message.
        ndr_id: of the NDR that reports it, once claimed.
        sender: reverse-path of the message; empty for the null one.
        recipient: envelope recipient.
        smtp_status: reply code, or None.
        at: when it bounced, was put in quarantine, or was audited.
        detail: the diagnostic, the reason of the quarantine, or the audit's action.
    """

    state: str
    entry_id: int
    message_id: int
    ndr_id: UUID | None
    sender: str
    recipient: str
    smtp_status: int | None
    at: datetime
    detail: str | None


@dataclass(frozen=True, slots=True)
class BouncedRecipient:
    """A recipient of a message that an operator adds.

    Attributes:
        recipient: envelope recipient, without angle brackets.
        original_recipient: ORCPT, xtext with its address type, or None.
    """

    recipient: str
    original_recipient: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the recipients of a message that an operator adds could not be served; all of it may be unknown."""

    smtp_status: int | None = None
    enhanced_status: str | None = None
    diagnostic: str | None = None
    remote_mta: str | None = None
    notify: str | None = None


@dataclass(frozen=True, slots=True)
class AddedMessage:
    """Ids of what was added."""

    message_id: int
    entry_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Whereabouts:
    entry_id: int
    status: str
    leased_until: datetime | None
    leased: bool


class EntryElsewhere(MailroomError):
    """An entry is not where it has to be; nothing was changed."""


def list_entries(
    connection: Connection,
    *,
    state: State | None = None,
    sender: str | None = None,
    recipient: str | None = None,
    limit: int = 100,
) -> list[ListedEntry]:
    """List bounced entries, the latest first.

    Args:
        connection: to the bounce queue.
        state: only these; default: all but the audited ones.
        sender: a part of the reverse-path, in any case.
        recipient: a part of the envelope recipient, in any case.
        limit: the most entries.
    """
    with connection.cursor(row_factory=class_row(ListedEntry)) as cursor:
        return cursor.execute(
            _SQL["list"], {"state": state, "sender": sender, "recipient": recipient, "limit": limit}
        ).fetchall()


def add(
    connection: Connection,
    content: bytes,
    *,
    sender: str,
    recipients: Sequence[BouncedRecipient],
    failure: Failure,
    envelope_id: str | None = None,
    ret: str | None = None,
) -> AddedMessage:
    """Spool a message whose recipients have all bounced.

    Args:
        connection: in a transaction.
        content: the message as it was accepted.
        sender: reverse-path without angle brackets; empty for the null one.
        recipients: at least one.
        failure: the same for all of them.
        envelope_id: ENVID, xtext.
        ret: FULL or HDRS.
    """
    message = {"sender": sender, "envelope_id": envelope_id, "ret": ret, "content": content}
    (message_id,) = connection.execute(_SQL["add_message"], message).fetchone() or (0,)
    entry_ids = []
    for to in recipients:
        entry = {
            "message_id": message_id,
            "recipient": to.recipient,
            "original_recipient": to.original_recipient,
            "notify": failure.notify,
            "smtp_status": failure.smtp_status,
            "enhanced_status": failure.enhanced_status,
            "diagnostic": failure.diagnostic,
            "remote_mta": failure.remote_mta,
        }
        entry_ids += [entry_id for (entry_id,) in connection.execute(_SQL["add_entry"], entry).fetchall()]
    return AddedMessage(message_id, tuple(entry_ids))


def requeue(connection: Connection, entry_ids: Sequence[int]) -> None:
    """Put entries from quarantine back into the queue, as if they had never been claimed.

    Raises:
        EntryElsewhere: one of them is not in quarantine.
    """
    _lock(connection, entry_ids)
    found = _whereabouts(connection, entry_ids)
    problems = [
        f"{entry_id} {_place(found.get(entry_id))}"
        for entry_id in entry_ids
        if entry_id not in found or found[entry_id].status != "quarantined"
    ]
    if problems:
        raise EntryElsewhere(
            f"entry {'; entry '.join(problems)}; nothing was changed. "
            "`mailroom bounces list --state quarantined` lists what can be put back"
        )
    connection.execute(_SQL["requeue"], {"entry_ids": list(entry_ids)})


def discard(connection: Connection, entry_ids: Sequence[int]) -> None:
    """Remove entries from queue or quarantine, audited as `discarded-by-operator`; nobody is told.

    Raises:
        EntryElsewhere: one of them is nowhere, belongs to the MTA, or a worker has it.
    """
    message_ids = _lock(connection, entry_ids)
    found = _whereabouts(connection, entry_ids)
    problems = [
        f"{entry_id} {_place(found.get(entry_id))}"
        for entry_id in entry_ids
        if entry_id not in found or found[entry_id].leased or found[entry_id].status not in _DISCARDABLE
    ]
    if problems:
        raise EntryElsewhere(
            f"entry {'; entry '.join(problems)}; nothing was changed. "
            "`mailroom bounces list` lists what can be discarded"
        )
    connection.execute(_SQL["discard"], {"entry_ids": list(entry_ids)})
    connection.execute(_SQL["drop_unreferenced"], {"message_ids": message_ids})


def _lock(connection: Connection, entry_ids: Sequence[int]) -> list[int]:
    rows = connection.execute(_SQL["lock_messages"], {"entry_ids": list(entry_ids)}).fetchall()
    return [message_id for (message_id,) in rows]


def _whereabouts(connection: Connection, entry_ids: Sequence[int]) -> dict[int, _Whereabouts]:
    with connection.cursor(row_factory=class_row(_Whereabouts)) as cursor:
        cursor.execute(_SQL["whereabouts"], {"entry_ids": list(entry_ids)})
        return {found.entry_id: found for found in cursor}


def _place(found: _Whereabouts | None) -> str:
    if found is None:
        return "is neither in the queue nor in quarantine"
    if found.status == "quarantined":
        return "is in quarantine"
    if found.leased:
        return f"belongs to a worker until {found.leased_until:%Y-%m-%d %H:%M:%S %z}"
    return "waits in the queue" if found.status in _OURS else f"is {found.status}: it is the MTA's"
