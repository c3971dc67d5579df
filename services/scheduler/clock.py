"""What time it is for the scheduler."""

from collections.abc import Callable
from datetime import datetime

from psycopg import Connection

from shared.database.statements import load_statements

_SQL = load_statements("services.scheduler", "scheduler.sql")

#: Tells the time, in UTC.
Clock = Callable[[Connection], datetime]


def database_clock(connection: Connection) -> datetime:
    """Read PostgreSQL's clock: replicas on machines that disagree still agree on what is due."""
    row = connection.execute(_SQL["now"]).fetchone()
    return row[0]  # type: ignore[index, no-any-return]
