"""The audit of bounced entries by time."""

from datetime import datetime

from psycopg import Connection

from shared.database.statements import load_statements

_SQL = load_statements("services.console.bounces", "audit.sql")


def first_since(connection: Connection, since: datetime) -> int | None:
    """Return an id from which on the records are of a time or later; None when there are none.

    Records of transactions that were open at that very time may stand on either side.

    Args:
        connection: to the bounce queue.
        since: with a zone.
    """
    row = connection.execute(_SQL["first_since"], {"since": since}).fetchone()
    return row[0] if row else None
