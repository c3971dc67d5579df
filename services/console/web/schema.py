"""The console's own schema: Django's migrations, applied and looked at like Mailroom's own."""

import psycopg
from django.core.management import call_command
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from services.console.web.access.groups import bring_up_to_date
from shared.database.connections import DatabaseUnreachable
from shared.database.schema import SchemaOutdated
from shared.database.statements import load_statements

_SQL = load_statements("services.console.web", "project.sql")


def migrate(database_url: str) -> list[str]:
    """Apply every migration that is missing, and give the roles' groups their permissions.

    Args:
        database_url: the same database; the lock is held there.

    Returns:
        The names of the migrations applied now, in order.

    Raises:
        DatabaseUnreachable: the login may not act as the console's role.
    """
    with psycopg.connect(database_url, autocommit=True) as lock:
        lock.execute(_SQL["lock_migrations"])
        missing = missing_migrations()
        call_command("migrate", interactive=False, verbosity=0)  # adds permissions of new pages in any case
        bring_up_to_date()
    return missing


def missing_migrations() -> list[str]:
    """Name the console's migrations that the database lacks, in order: `console.auth.0001_initial`.

    Raises:
        DatabaseUnreachable: the login may not act as the console's role.
    """
    executor = _executor()
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [_name(migration.app_label, migration.name) for migration, _backwards in plan]


def applied_migrations() -> list[str]:
    """Name the console's migrations that the database has.

    Raises:
        DatabaseUnreachable: the login may not act as the console's role.
    """
    return sorted(_name(*key) for key in _executor().loader.applied_migrations)


def check_schema() -> None:
    """See that the console's own tables are those of this version.

    Raises:
        DatabaseUnreachable: the login may not act as the console's role.
        SchemaOutdated: migrations are missing.
    """
    if missing := missing_migrations():
        raise SchemaOutdated(f"the database lacks {', '.join(missing)}; run: mailroom db migrate")


def _executor() -> MigrationExecutor:
    try:
        return MigrationExecutor(connection)
    except Error as error:
        raise DatabaseUnreachable(
            f"the web console cannot use the database ({str(error).strip()}); the login of "
            "MAILROOM_DATABASE_URL must be a member of the role whose name ends in _console"
        ) from error


def _name(app: str, migration: str) -> str:
    return f"console.{app}.{migration}"
