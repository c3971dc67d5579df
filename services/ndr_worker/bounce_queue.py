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

from psycopg import Connection, Cursor
from psycopg.rows import dict_row

from services.ndr_worker.bounce import BouncedMessage, FailedRecipient, Notification
from shared.database.statements import load_statements

_SQL = load_statements("services.ndr_worker", "queue.sql")
#: Octets of an original that are read at least: enough for the header fields an NDR refers to.
_HEADER_PREFIX = 8192
_RECIPIENT_FIELDS = [field.name for field in fields(FailedRecipient)]


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
    """An entry and what became of it: an audit action, or the reason for its quarantine."""

    entry_id: int
    message_id: int
    action: str
    quarantine_reason: str | None = None


def claim(
    connection: Connection,
    poll_id: str,
    *,
    limit: int,
    prefix: int,
    lease: timedelta,
    chain_lease: timedelta,
) -> Claim:
    """Claim the oldest bounced entries, and those whose worker did not finish.

    Args:
        connection: outside a transaction; the claim is committed when this returns.
        poll_id: the chain this batch belongs to; its lease is renewed.
        limit: the most entries, except that one NDR left behind by another worker is never split.
        prefix: octets of each original to read.
        lease: how long the entries belong to this worker.
        chain_lease: how long the chain may go without another hop.
    """
    with connection.transaction(), connection.cursor(binary=True) as cursor:
        expired = cursor.execute(_SQL["lock_expired"], {"limit": limit}).fetchall()
        ndr_ids = list({ndr_id for _, ndr_id in expired})
        cursor.execute(_SQL["renew"], {"ndr_ids": ndr_ids, "lease": lease})
        entry_ids = [entry_id for (entry_id,) in cursor.fetchall()]
        waiting: list[int] = []
        if (budget := limit - len(entry_ids)) > 0:
            cursor.execute(_SQL["lock_waiting"], {"limit": budget})
            waiting = [message_id for (message_id,) in cursor.fetchall()]
            cursor.execute(_SQL["lease"], {"message_ids": waiting, "limit": budget, "lease": lease})
            entry_ids += [entry_id for (entry_id,) in cursor.fetchall()]
        cursor.execute(_SQL["keep_chain"], {"poll_id": poll_id, "chain_lease": chain_lease})
        full = len(expired) + len(waiting) >= limit
        return Claim(_read(connection, entry_ids, max(prefix, _HEADER_PREFIX)), full)


def _read(connection: Connection, entry_ids: Sequence[int], prefix: int) -> tuple[Notification, ...]:
    with connection.cursor(binary=True, row_factory=dict_row) as cursor:
        entries = cursor.execute(_SQL["read_entries"], {"entry_ids": entry_ids}).fetchall()
        messages = _messages(cursor, {entry["message_id"] for entry in entries}, prefix)
    return tuple(
        Notification(ndr_id, messages[message_id], tuple(map(_recipient, group)))
        for (ndr_id, message_id), group in itertools.groupby(
            entries, lambda entry: (entry["ndr_id"], entry["message_id"])
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
    message_ids = list({entry.message_id for entry in finished})
    reported = [entry for entry in finished if entry.quarantine_reason is None]
    quarantined = [entry for entry in finished if entry.quarantine_reason is not None]
    with connection.transaction(), connection.pipeline():
        connection.execute(_SQL["lock_messages"], {"message_ids": message_ids})
        connection.execute(
            _SQL["finish"],
            {
                "entry_ids": [entry.entry_id for entry in reported],
                "actions": [entry.action for entry in reported],
            },
        )
        connection.execute(
            _SQL["quarantine"],
            {
                "entry_ids": [entry.entry_id for entry in quarantined],
                "reasons": [entry.quarantine_reason for entry in quarantined],
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
