"""Migrated databases by the dozen: one is migrated, the others are copies of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier

from demo.servers.postgresql import PostgresqlServer
from shared.database.migrate import migrate
from shared.database.statements import load_statements

_ROLES = load_statements("shared.database", "roles.sql")


class MigratedDatabases:
    """Copies of a migrated database, each with roles of its own name as if it had been migrated itself."""

    def __init__(self, server: PostgresqlServer, template: str) -> None:
        self._server = server
        self._template = template

    @classmethod
    @contextmanager
    def on(cls, server: PostgresqlServer) -> Iterator["MigratedDatabases"]:
        """Migrate the one that the others are copied from."""
        with server.fresh_database("template") as url:
            migrate(url)
            yield cls(server, _name(url))

    def copies_of(self, url: str) -> "MigratedDatabases":
        """Have copies of a copy to which more was added; nobody may be connected to it."""
        return MigratedDatabases(self._server, _name(url))

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Have a database of one's own."""
        with self._server.fresh_database("test", self._template) as url:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(_ROLES["create_roles"])
                self._hand_over(connection)
                connection.execute(_ROLES["grant_privileges"])
            yield url

    def _hand_over(self, connection: psycopg.Connection) -> None:
        """Roles belong to the whole server, so a copy's tables still belong to the template's."""
        for role in ("owner", "console"):
            old, new = (Identifier(f"{name}_{role}") for name in (self._template, connection.info.dbname))
            connection.execute(SQL("REASSIGN OWNED BY {} TO {}").format(old, new))


def _name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")
