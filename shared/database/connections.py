"""Connections to PostgreSQL."""

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from shared.database.schema import SchemaOutdated, missing_migrations
from shared.errors import MailroomError
from shared.settings import Settings

#: When a server that has vanished without a word is given up: 10 s after what it does not acknowledge, a
#: minute after it was last heard of while it is waited for. The system itself waits for a quarter of an hour.
GIVE_UP = {
    "connect_timeout": 10,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}


class DatabaseUnreachable(MailroomError):
    """PostgreSQL does not answer."""


def open_pool(url: str, name: str, *, size: int) -> ConnectionPool:
    """Open a pool whose connections are checked when they are taken.

    A connection that a restart of PostgreSQL has cut is replaced when it is next taken, so that one restart
    costs each worker at most the transaction it was in.

    Args:
        url: where to.
        name: shown as application_name.
        size: the most connections.
    """
    return ConnectionPool(
        url,
        min_size=1,
        max_size=size,
        kwargs={"application_name": name, **GIVE_UP},
        check=ConnectionPool.check_connection,
        timeout=30,
        reconnect_timeout=10,
        name=name,
        open=True,
    )


def reports_url(settings: Settings) -> str:
    """Return where report queries run: the replica, or the one database there is."""
    return settings.reports_database_url or settings.database_url


def check_database(url: str) -> None:
    """See that a database answers and has the schema this version needs.

    Raises:
        DatabaseUnreachable: it does not answer.
        SchemaOutdated: migrations are missing.
    """
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            missing = missing_migrations(connection)
    except psycopg.Error as error:
        raise DatabaseUnreachable(
            f"the database does not answer ({str(error).strip()}); check MAILROOM_DATABASE_URL"
        ) from error
    if missing:
        raise SchemaOutdated(f"the database lacks {', '.join(missing)}; run: mailroom db migrate")


def is_outage(error: BaseException) -> bool:
    """Whether an error means that PostgreSQL cannot be used now, so that the same work may succeed later.

    A cancelled query is none, although psycopg files it there: it may take too long every time. A database
    that takes no writes is one that has just become, or is about to become, another one's standby.
    """
    if isinstance(error, psycopg.errors.QueryCanceled):
        return False
    return isinstance(error, psycopg.OperationalError | psycopg.errors.ReadOnlySqlTransaction)


def database_trouble(pool: ConnectionPool) -> str | None:
    """Say why the database cannot be used now, or None when it can; answers within seconds."""
    try:
        with pool.connection(timeout=3) as connection:
            ConnectionPool.check_connection(connection)
            return None
    except (psycopg.Error, PoolTimeout) as error:
        return f"the database does not answer ({error})"
