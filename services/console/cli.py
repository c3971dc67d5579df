"""The `mailroom` command line, put together from its command groups.

Exit codes: 0 done, 1 failed, 2 usage, 78 configuration (EX_CONFIG of sysexits.h).
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from services.console.commands import (
    bounces,
    config,
    database,
    deliveries,
    ndr,
    parked,
    preferences,
    reports,
    schedules,
    status,
    subscriptions,
    users,
)
from shared.errors import MailroomError
from shared.settings import SettingsInvalid

app = typer.Typer(
    name="mailroom",
    help="Scheduled Exchange reports and non-delivery reports.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(database.app, name="db")
app.add_typer(schedules.app, name="schedules")
app.add_typer(reports.app, name="reports")
app.add_typer(subscriptions.app, name="subscriptions")
app.add_typer(preferences.app, name="preferences")
app.add_typer(bounces.app, name="bounces")
app.add_typer(ndr.app, name="ndr")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(parked.app, name="parked")
app.add_typer(users.app, name="users")
app.add_typer(config.app, name="config")
app.command("status")(status.status)


@app.callback()
def top_level(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None, typer.Option(help="Settings file, instead of MAILROOM_CONFIG or mailroom.toml.")
    ] = None,
) -> None:
    """Scheduled Exchange reports and non-delivery reports."""
    context.obj = config


def main() -> None:
    """Run the command that the arguments name; expected errors become one message and an exit code."""
    try:
        app(prog_name="mailroom")
    except SettingsInvalid as error:
        _fail(error, os.EX_CONFIG)
    except (MailroomError, psycopg.Error) as error:
        _fail(error, 1)


def _fail(error: Exception, code: int) -> None:
    print(f"mailroom: {error}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
