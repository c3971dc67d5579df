"""The operator's connection: one transaction, as the owner of the schema where the login may act as it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from shared.database.schema import SchemaOutdated, missing_migrations
from shared.database.statements import load_statements

_SQL = load_statements("services.console", "connection.sql")


@contextmanager
def any_schema(database_url: str) -> Iterator[psycopg.Connection]:
    """Open a connection in a transaction as `transaction` does, whichever migrations are missing.

    Raises:
        psycopg.Error: the database does not answer, or refuses.
    """
    with psycopg.connect(database_url, connect_timeout=10, application_name="mailroom console") as connection:
        connection.execute(_SQL["act_as_owner"])
        yield connection


@contextmanager
def transaction(database_url: str) -> Iterator[psycopg.Connection]:
    """Open a connection in a transaction, committed at the end unless something was raised.

    Raises:
        SchemaOutdated: migrations are missing.
        psycopg.Error: the database does not answer, or refuses.
    """
    with any_schema(database_url) as connection:
        if missing := missing_migrations(connection):
            raise SchemaOutdated(f"the database lacks {', '.join(missing)}; run: mailroom db migrate")
        yield connection
