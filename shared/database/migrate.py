"""Bringing a database to the schema that this version of Mailroom needs.

Migrations are numbered plain-SQL files applied by yoyo. An advisory lock lets one process at a time migrate;
it belongs to the session, so a process that dies while migrating leaves no lock behind (yoyo's own lock table
would).
"""

import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo import get_backend, read_migrations
from yoyo.backends.base import DatabaseBackend

from shared.database.schema import MIGRATIONS
from shared.database.statements import load_statements
from shared.errors import MailroomError

_ROLES = load_statements("shared.database", "roles.sql")


class EncodingUnusable(MailroomError):
    """The database cannot hold every text."""


def migrate(database_url: str) -> list[str]:
    """Apply every migration that is missing; safe to run twice and from several places at once.

    Args:
        database_url: where to; its user must be able to create roles and a schema (or be a member of
            `<database>_owner` when these exist already).

    Returns:
        The names of the migrations applied now, in order.

    Raises:
        EncodingUnusable: the database is not encoded as UTF8.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        _check_encoding(connection)
        connection.execute(_ROLES["lock_migrations"])
        connection.execute(_ROLES["create_roles"])
        applied = _apply_missing(database_url, connection.info.dbname)
        connection.execute(_ROLES["grant_privileges"])
    return applied


def _check_encoding(connection: psycopg.Connection) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        name = connection.info.dbname
        raise EncodingUnusable(
            f"the database {name} is encoded as {encoding}; make it anew with"
            f" CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"
        )


def _apply_missing(database_url: str, database: str) -> list[str]:
    backend = _backend(database_url, database)
    try:
        missing = backend.to_apply(read_migrations(str(MIGRATIONS)))
        backend.apply_migrations(missing)
        return [migration.id for migration in missing]
    finally:
        backend.connection.close()


def _backend(database_url: str, database: str) -> DatabaseBackend:
    """A yoyo backend that acts as the owner role, with its bookkeeping inside the schema it manages."""
    owner = f"{database}_owner"
    conninfo_to_dict(database_url)  # refuses a malformed URL before yoyo guesses at it
    scheme, rest = database_url.split("://", 1)
    if not scheme.startswith("postgres"):
        raise MailroomError(f"{scheme}:// is not a PostgreSQL URL; use postgresql://user@host:port/database")
    separator = "&" if "?" in rest else "?"
    options = f"-c%20role%3D{owner}%20-c%20search_path%3Dmailroom"
    return get_backend(f"postgresql+psycopg://{rest}{separator}options={options}")
