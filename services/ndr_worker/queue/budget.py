"""The sender budget: past so many NDRs in a period, a sender gets one digest instead of the rest."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from services.ndr_worker.composition import address
from services.ndr_worker.composition.digest import Digest, HeldNdr
from shared.database.statements import load_statements

_SQL = load_statements("services.ndr_worker.queue", "budget.sql")
#: Sender Rewriting Scheme: SRS0=hash=stamp=domain=local@forwarder; SRS1 has hash=forwarder== before the hash.
_SRS = re.compile(r"srs(?:0[=+-]|1[=+-][^=]+=[^=]+=[=+-])[^=]+=[^=]+=(?P<domain>[^=]+)=(?P<local>.+)@[^@]+")
#: Digests made in one go.
_DIGESTS = 100


def budget_key(sender: str) -> str:
    """Return the address an NDR is counted under: one person, however tagged the reverse-path is.

    Undone are BATV, SRS, sub-addressing and the VERP that hangs on it; the NDR itself goes to the
    reverse-path as it is.
    """
    key = address.untagged(address.without_source_route(sender))
    if match := _SRS.fullmatch(key):
        key = f"{match['local']}@{match['domain']}"
    local_part, at, domain = key.rpartition("@")
    return f"{local_part.partition('+')[0] or local_part}{at}{domain}"


def past_budget(
    connection: Connection, ndrs: Mapping[UUID, str], *, budget: int, period: timedelta
) -> frozenset[UUID]:
    """Count NDRs against their senders' budgets and tell which ones are past it.

    The answer for an NDR never changes, however often its batch is done.

    Args:
        connection: outside a transaction.
        ndrs: each NDR's id with its sender.
        budget: NDRs a sender gets within the period; 0: no limit.
        period: over which they are counted.
    """
    if not budget or not ndrs:
        return frozenset()
    ids, senders = list(ndrs), [budget_key(sender) for sender in ndrs.values()]
    with connection.transaction():
        connection.execute(_SQL["lock_senders"], {"senders": senders})
        connection.execute(
            _SQL["count"], {"ndr_ids": ids, "senders": senders, "budget": budget, "period": period}
        )
        return frozenset(
            ndr_id for (ndr_id,) in connection.execute(_SQL["held"], {"ndr_ids": ids}).fetchall()
        )


def claim_digests(connection: Connection, *, period: timedelta, lease: timedelta) -> list[Digest]:
    """Claim the digests that are due, under ids that stay when another worker has to go on with them."""
    with connection.transaction():
        taken = connection.execute(_SQL["reclaim_digests"], {"lease": lease}).fetchall()
        taken += connection.execute(
            _SQL["claim_digests"], {"lease": lease, "period": period, "limit": _DIGESTS}
        ).fetchall()
        ids = list({digest_id for (digest_id,) in taken})
        with connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(_SQL["read_digests"], {"digest_ids": ids}).fetchall()
    return [
        _digest(digest_id, list(group))
        for digest_id, group in itertools.groupby(rows, lambda row: row["digest_id"])
    ]


def _digest(digest_id: UUID, rows: Sequence[Mapping[str, Any]]) -> Digest:
    """The digest of one sender, to the address it last wrote from."""
    held = tuple(
        HeldNdr(row["message_id"], row["recipient"], row["status"], row["diagnostic"], row["bounced_at"])
        for row in rows
    )
    return Digest(digest_id, rows[-1]["sender"], held[0].bounced_at, held[-1].bounced_at, held)


def finish_digests(connection: Connection, digest_ids: Iterable[UUID]) -> None:
    """Note that digests are safely on their way."""
    connection.execute(_SQL["finish_digests"], {"digest_ids": list(digest_ids)})
