"""Statements on PostgreSQL that commit by themselves and outlast a restart of it."""

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from shared.database.connections import GIVE_UP
from shared.database.statements import load_statements

_STATEMENTS = load_statements("services.mail_relay", "database.sql")
#: Seconds for which the database is tried to be reached; a result that is lost has its mail sent again.
_PATIENCE = 60
#: Seconds a health or metrics page waits for the database.
_CHECK_TIMEOUT = 5


def open_pool(url: str, *, size: int) -> ConnectionPool:
    """Open connections for a `Database`: each statement commits by itself, none is checked before use.

    A check would cost a round trip per statement; what fails for a cut connection is repeated instead.

    Args:
        url: where to.
        size: the most connections.
    """
    return ConnectionPool(
        url,
        min_size=1,
        max_size=size,
        kwargs={"application_name": "mail_relay", "autocommit": True, **GIVE_UP},
        configure=_configure,
        timeout=30,
        reconnect_timeout=10,
        name="mail_relay",
        open=True,
    )


def _configure(connection: Connection) -> None:
    connection.execute(_STATEMENTS["plan_as_for_a_large_ledger"])


class Database:
    """Executes statements; may be used from any thread.

    Args:
        pool: connections of `open_pool`.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def execute(
        self, statement: LiteralString, values: Mapping[str, Any], *, binary: bool = False
    ) -> list[dict[str, Any]]:
        """Execute a statement that may be repeated, and return its rows.

        Raises:
            psycopg.OperationalError: the database did not answer for a minute.
        """
        try:
            return self.execute_once(statement, values, binary=binary)
        except psycopg.OperationalError:
            return self._insist(statement, values, binary=binary)

    def execute_once(
        self, statement: LiteralString, values: Mapping[str, Any], *, binary: bool = False
    ) -> list[dict[str, Any]]:
        """Execute a statement without a second try, and return its rows."""
        with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(statement, values, binary=binary)
            return cursor.fetchall() if cursor.description is not None else []

    def execute_quickly(self, statement: LiteralString) -> list[dict[str, Any]]:
        """Execute a statement for a page that somebody waits for."""
        with (
            self._pool.connection(timeout=_CHECK_TIMEOUT) as connection,
            connection.cursor(row_factory=dict_row) as cursor,
        ):
            # what the pool kept may have been cut
            self._pool.check_connection(connection)
            return cursor.execute(statement).fetchall()

    @retry(
        retry=retry_if_exception_type(psycopg.OperationalError),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        stop=stop_after_delay(_PATIENCE),
        reraise=True,
    )
    def _insist(
        self, statement: LiteralString, values: Mapping[str, Any], *, binary: bool
    ) -> list[dict[str, Any]]:
        """Execute again, through a restart of PostgreSQL."""
        self._pool.check()
        return self.execute_once(statement, values, binary=binary)
