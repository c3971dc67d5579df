"""The bounce queue in PostgreSQL: claiming a batch, and finishing it.

The claim commits an `ndr_id` and a lease on the entries before anything is made of them: whoever dies
afterwards leaves entries that another worker goes on with, under the same id. Finishing removes the entries
in one transaction with the audit rows that tell what became of them.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.rows import dict_row

from services.ndr_worker.bounce import Action, BouncedMessage, FailedRecipient, Notification
from shared.database.statements import load_statements

_SQL = load_statements("services.ndr_worker.queue", "bounce_queue.sql")
#: Octets of an original that are read at least: enough for the header fields an NDR refers to.
_HEADER_PREFIX = 8192
_RECIPIENT_FIELDS = [field.name for field in fields(FailedRecipient)]
_ACTIONS = {"bounced": Action.FAILED, "deferred": Action.DELAYED, "delivered": Action.DELIVERED}


@dataclass(frozen=True, slots=True)
class ClaimTerms:
    """How a batch is claimed.

    Attributes:
        limit: the most entries, except that one NDR left behind by another worker is never split.
        prefix: octets of each original to read.
        lease: how long the entries belong to this worker.
        chain_lease: how long the chain may go without another hop.
        settle: how long a message's first bounced entry waits for the others.
        max_recipients: of one NDR.
        delivered: whether entries of status delivered are claimed too.
    """

    limit: int
    prefix: int
    lease: timedelta
    chain_lease: timedelta
    settle: timedelta = timedelta(0)
    max_recipients: int = 1000
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A claimed batch.

    Attributes:
        notifications: the claimed entries, grouped by the NDR that is to report them.
        full: whether the batch reached its limit, so that more may be waiting.
    """

    notifications: tuple[Notification, ...] = ()
    full: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """An entry and what became of it.

    Attributes:
        message: whose entry it is.
        entry: the entry.
        ndr_id: of the NDR it was claimed for.
        action: the audit's word for it.
        quarantine_reason: why it is put aside; None when it is not.
        held_status: status under which a digest is to name it; None when none is.
    """

    message: BouncedMessage
    entry: FailedRecipient
    ndr_id: UUID
    action: str
    quarantine_reason: str | None = None
    held_status: str | None = None


def claim(connection: Connection, poll_id: str, terms: ClaimTerms) -> Claim:
    """Claim the oldest bounced entries, and those whose worker did not finish.

    Args:
        connection: outside a transaction; the claim is committed when this returns.
        poll_id: the chain this batch belongs to; its lease is renewed.
        terms: how much, and for how long.
    """
    with connection.transaction(), connection.cursor(binary=True) as cursor:
        entry_ids = _take_over(cursor, terms)
        full = len(entry_ids) >= terms.limit
        for status in ("bounced", "delivered") if terms.delivered else ("bounced",):
            if full:
                break
            taken, reached = _take(cursor, status, terms.limit - len(entry_ids), terms)
            entry_ids += taken
            full = full or reached
        cursor.execute(_SQL["keep_chain"], {"poll_id": poll_id, "chain_lease": terms.chain_lease})
        return Claim(_read(connection, entry_ids, terms.prefix), full)


def _take_over(cursor: Cursor, terms: ClaimTerms) -> list[int]:
    """Renew the leases of entries whose worker did not finish in time."""
    expired = cursor.execute(_SQL["lock_expired"], {"limit": terms.limit, "lease": terms.lease}).fetchall()
    ndr_ids = list({ndr_id for _, ndr_id in expired})
    cursor.execute(_SQL["renew"], {"ndr_ids": ndr_ids, "lease": terms.lease})
    return [entry_id for (entry_id,) in cursor.fetchall()]


def _take(cursor: Cursor, status: str, budget: int, terms: ClaimTerms) -> tuple[list[int], bool]:
    """Lease entries nobody has; tells also whether there were as many as allowed."""
    cursor.execute(_SQL[f"lock_{status}"], {"limit": budget, "settle": terms.settle})
    waiting = [message_id for (message_id,) in cursor.fetchall()]
    cursor.execute(
        _SQL["lease"],
        {
            "message_ids": waiting,
            "status": status,
            "limit": budget,
            "whole_batch": budget == terms.limit,
            "lease": terms.lease,
            "max_recipients": terms.max_recipients,
        },
    )
    return [entry_id for (entry_id,) in cursor.fetchall()], len(waiting) >= budget


def _read(connection: Connection, entry_ids: Sequence[int], prefix: int) -> tuple[Notification, ...]:
    with connection.cursor(binary=True, row_factory=dict_row) as cursor:
        entries = cursor.execute(_SQL["read_entries"], {"entry_ids": entry_ids}).fetchall()
        return notifications(cursor, entries, prefix)


def notifications(
    cursor: Cursor[dict[str, Any]], entries: Sequence[Mapping[str, Any]], prefix: int
) -> tuple[Notification, ...]:
    """Group rows of entries, sorted by message and NDR, into notifications with their messages.

    Args:
        cursor: with binary results, as dictionaries; reads the messages.
        entries: rows with ndr_id, message_id, status and the fields of FailedRecipient.
        prefix: octets of each original to read.
    """
    messages = _messages(cursor, {entry["message_id"] for entry in entries}, max(prefix, _HEADER_PREFIX))
    return tuple(
        Notification(ndr_id, messages[message_id], tuple(map(_recipient, group)), _ACTIONS[status])
        for (ndr_id, message_id, status), group in itertools.groupby(
            entries, lambda entry: (entry["ndr_id"], entry["message_id"], entry["status"])
        )
    )


def _messages(
    cursor: Cursor[dict[str, Any]], message_ids: Iterable[int], prefix: int
) -> Mapping[int, BouncedMessage]:
    cursor.execute(_SQL["read_messages"], {"message_ids": list(message_ids), "prefix": prefix})
    return {row["message_id"]: BouncedMessage(**row) for row in cursor}


def _recipient(entry: Mapping[str, Any]) -> FailedRecipient:
    return FailedRecipient(**{name: entry[name] for name in _RECIPIENT_FIELDS})


def finish(connection: Connection, finished: Sequence[Finished]) -> None:
    """Remove entries that are dealt with, write their audit, and drop messages nobody refers to any more.

    Doing it twice changes nothing: what is gone is neither removed nor audited again.
    """
    message_ids = list({item.message.message_id for item in finished})
    audited = [item for item in finished if item.quarantine_reason is None]
    quarantined = [item for item in finished if item.quarantine_reason is not None]
    with connection.transaction(), connection.pipeline():
        connection.execute(_SQL["lock_messages"], {"message_ids": message_ids})
        connection.execute(
            _SQL["finish"],
            {
                "entry_ids": [item.entry.entry_id for item in audited],
                "actions": [item.action for item in audited],
                "statuses": [item.held_status for item in audited],
            },
        )
        connection.execute(
            _SQL["quarantine"],
            {
                "entry_ids": [item.entry.entry_id for item in quarantined],
                "reasons": [item.quarantine_reason for item in quarantined],
            },
        )
        connection.execute(_SQL["drop_unreferenced"], {"message_ids": message_ids})


def end_chain(connection: Connection, poll_id: str, *, outcome: str, pause: timedelta) -> None:
    """Write when the next chain of polls is due.

    Args:
        connection: outside a transaction.
        poll_id: the chain that ends; a chain that is no longer the current one changes nothing.
        outcome: found, empty or error.
        pause: until the next chain.
    """
    connection.execute(_SQL["end_chain"], {"poll_id": poll_id, "outcome": outcome, "pause": pause})
