"""Removing what nothing refers to any more (seed, interval_housekeeping; ndr-original 7.7)."""

from datetime import timedelta

import structlog
from psycopg import Connection

from shared.database.statements import load_statements

_SQL = load_statements("services.ndr_worker.queue", "housekeeping.sql")
_log = structlog.get_logger()


def keep_house(
    connection: Connection, *, interval: timedelta, prune_after: timedelta, period: timedelta
) -> bool:
    """Remove old leftovers, if no worker did so within the interval.

    Args:
        connection: outside a transaction.
        interval: between two rounds; 0: never.
        prune_after: age from which a leftover goes.
        period: of the sender budget, whose counts must outlive it.

    Returns:
        Whether this call was the round.
    """
    if not interval:
        return False
    with connection.transaction():
        if connection.execute(_SQL["claim"], {"interval": interval}).fetchone() is None:
            return False
        arguments = {"prune_after": prune_after, "period": period}
        removed = {
            name: connection.execute(statement, arguments).rowcount
            for name, statement in _SQL.items()
            if name.startswith("prune_")
        }
    _log.info("house kept", action="housekeeping", **removed)
    return True
