"""`mailroom subscriptions`: who gets the reports, and how they are worded."""

import getpass
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from services.console.commands.moments import read_moment, read_span
from services.console.completion import complete
from services.console.connection import transaction
from services.console.output import AsJson, print_json, print_table, shown
from services.console.subscriptions.changes import check_changes, columns_not_followed, read_changes
from services.console.subscriptions.subscriptions import (
    StoredSubscription,
    change,
    find_subscription,
    list_subscriptions,
)
from services.console.subscriptions.usage import reports_using
from services.report_worker.catalogue import Catalogue
from shared.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Who gets the reports.")

Name = Annotated[
    str, typer.Argument(help="As `subscriptions list` shows it.", autocompletion=complete("subscriptions"))
]
Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        help="As `subscriptions list` shows them.",
        autocompletion=complete("subscriptions"),
    ),
]
#: How long a subscription is muted when nothing is said.
_MUTED_FOR = timedelta(days=1)


@app.command("list")
def list_all(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the subscriptions with the reports that use them."""
    settings = load_settings(context.obj)
    reports = Catalogue.load(settings.reports.catalogue_path).reports.values()
    with transaction(settings.database_url) as connection:
        subscriptions = list(list_subscriptions(connection).values())
    using = {each.name: reports_using(each.name, reports) for each in subscriptions}
    if as_json:
        print_json([{**asdict(each), "reports": using[each.name]} for each in subscriptions])
        return
    print_table(
        ("name", "enabled", "muted until", "recipients", "attachment", "reports"),
        [
            (each.name, each.enabled, each.mute_until, each.emails_list, each.attachment, using[each.name])
            for each in subscriptions
        ],
    )


@app.command("show")
def show(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show every field of one subscription."""
    with transaction(load_settings(context.obj).database_url) as connection:
        subscription = find_subscription(connection, name)
    if as_json:
        print_json(subscription)
    else:
        print_table(("field", "value"), list(asdict(subscription).items()))


@app.command("set")
def set_fields(
    context: typer.Context,
    name: Name,
    assignments: Annotated[
        list[str], typer.Argument(metavar="FIELD=VALUE...", help="Fields as `subscriptions show` shows them.")
    ],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Take recipients that are malformed or repeated.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change fields of a subscription; all of them or none. An empty value clears a field."""
    settings = load_settings(context.obj)
    values = read_changes(assignments)
    reports = Catalogue.load(settings.reports.catalogue_path).reports.values()
    with transaction(settings.database_url) as connection:
        taken = check_changes(find_subscription(connection, name), values, reports, force=force)
        (changed,) = change(connection, [name], values, changed_by=_login_name())
    for problem in taken:
        print(f"taken all the same: {shown(problem)}", file=sys.stderr)
    if "columns" in values:
        for report in columns_not_followed(changed, reports):
            print(f"{report} lacks one of these columns and goes on showing its own", file=sys.stderr)
    _print_changed([changed], values, as_json=as_json)


@app.command("enable")
def enable(context: typer.Context, names: Names, *, as_json: AsJson = False) -> None:
    """Enable subscriptions."""
    _change(context, names, {"enabled": True}, as_json=as_json)


@app.command("disable")
def disable(context: typer.Context, names: Names, *, as_json: AsJson = False) -> None:
    """Disable subscriptions: the reports that use them are skipped."""
    _change(context, names, {"enabled": False}, as_json=as_json)


@app.command("mute")
def mute(
    context: typer.Context,
    names: Names,
    *,
    until: Annotated[str | None, typer.Option(help="A time with a zone, RFC 3339.")] = None,
    span: Annotated[str | None, typer.Option("--for", help="A time span: 8h, 2d; default: 1d.")] = None,
    as_json: AsJson = False,
) -> None:
    """Skip the reports that use a subscription for a while."""
    if until is not None and span is not None:
        raise typer.BadParameter("give --until or --for, not both", param_hint="--until")
    now = datetime.now(UTC)
    end = read_moment(until, "--until") if until is not None else now + _span(span)
    if end <= now:
        raise typer.BadParameter(f"{until!r} is past", param_hint="--until")
    _change(context, names, {"mute_until": end}, as_json=as_json)


@app.command("unmute")
def unmute(context: typer.Context, names: Names, *, as_json: AsJson = False) -> None:
    """End the muting of subscriptions."""
    _change(context, names, {"mute_until": None}, as_json=as_json)


def _span(text: str | None) -> timedelta:
    return _MUTED_FOR if text is None else read_span(text, "--for")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container, the user may have a number and no name.
        return str(os.getuid())


def _change(context: typer.Context, names: list[str], values: Mapping[str, Any], *, as_json: bool) -> None:
    with transaction(load_settings(context.obj).database_url) as connection:
        changed = change(connection, names, values, changed_by=_login_name())
    _print_changed(changed, values, as_json=as_json)


def _print_changed(
    subscriptions: list[StoredSubscription], values: Mapping[str, Any], *, as_json: bool
) -> None:
    if as_json:
        print_json(subscriptions)
        return
    for subscription in subscriptions:
        for field in values:
            value = getattr(subscription, field)
            print(f"{shown(subscription.name)}: {field} = {shown(value) or '(nothing)'}")
