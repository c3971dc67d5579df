"""Which migrations a database lacks: asked by every service that starts, so without what applies them."""

from importlib import resources

import psycopg

from shared.database.statements import load_statements
from shared.errors import MailroomError

#: The folder of the numbered migrations.
MIGRATIONS = resources.files("shared.database") / "migrations"
_VERSION = load_statements("shared.database", "version.sql")


class SchemaOutdated(MailroomError):
    """The database lacks migrations that this version of Mailroom needs."""


def missing_migrations(connection: psycopg.Connection) -> list[str]:
    """Name the migrations that a database lacks.

    Args:
        connection: an open connection to it; only reads.

    Returns:
        The names in order; all of them when the database was never migrated.
    """
    files = [file.name for file in MIGRATIONS.iterdir()]
    known = sorted(name.removesuffix(".sql") for name in files if name.endswith(".sql"))
    if connection.execute(_VERSION["has_bookkeeping"]).fetchone() == (False,):
        return known
    applied = set(connection.execute(_VERSION["applied"]).fetchall())
    return [name for name in known if (name,) not in applied]
