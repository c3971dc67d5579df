"""Delay notices: telling senders that a message is late and still being tried (RFC 3461 5.2.5).

The entries stay the MTA's; a row per entry and threshold of age remembers that its notice went out.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from services.ndr_worker.bounce import Notification
from services.ndr_worker.queue.bounce_queue import notifications
from shared.database.statements import load_statements

_SQL = load_statements("services.ndr_worker.queue", "delay.sql")


def claim_delays(
    connection: Connection, thresholds: Iterable[timedelta], *, limit: int, prefix: int, lease: timedelta
) -> tuple[Notification, ...]:
    """Claim the delay notices that are due, and those whose worker did not finish.

    Args:
        connection: outside a transaction.
        thresholds: ages at which a sender is told; only the highest one passed counts.
        limit: the most messages for each threshold.
        prefix: octets of each original to read.
        lease: how long the claim holds.
    """
    with connection.transaction():
        taken = connection.execute(_SQL["reclaim"], {"lease": lease}).fetchall()
        for threshold in sorted(thresholds, reverse=True):
            taken += connection.execute(
                _SQL["claim"], {"threshold": threshold, "limit": limit, "lease": lease}
            ).fetchall()
        ndr_ids = list({ndr_id for (ndr_id,) in taken})
        with connection.cursor(binary=True, row_factory=dict_row) as cursor:
            entries = cursor.execute(_SQL["read"], {"ndr_ids": ndr_ids}).fetchall()
            return notifications(cursor, entries, prefix)


def finish_delays(connection: Connection, done: Mapping[UUID, bool]) -> None:
    """Close notices and audit those that went out; doing it twice changes nothing.

    Args:
        connection: outside a transaction.
        done: each notice's id, with whether anybody was told: policy may have kept it from being sent.
    """
    told = [ndr_id for ndr_id, sent in done.items() if sent]
    connection.execute(_SQL["finish"], {"ndr_ids": list(done), "told": told})
