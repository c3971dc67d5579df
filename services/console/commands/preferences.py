"""`mailroom preferences`: what is tuned for all reports at once, without a restart."""

import sys
from typing import Annotated

import typer

from services.console.completion import complete_preferences
from services.console.connection import transaction
from services.console.output import AsJson, print_json, print_table, shown
from services.console.preferences.preferences import find_preference, list_preferences, set_preference
from shared.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="What is tuned for all reports at once.")

Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help="section__name, as `preferences list` shows it.",
        autocompletion=complete_preferences,
    ),
]


@app.command("list")
def list_all(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the preferences with their values, defaults and kinds."""
    with transaction(load_settings(context.obj).database_url) as connection:
        preferences = list(list_preferences(connection).values())
    if as_json:
        print_json(preferences)
        return
    print_table(
        ("key", "value", "default", "kind", "meaning"),
        [(each.key, each.value, each.default, each.kind, each.label) for each in preferences],
    )
    for each in preferences:
        if each.problem:
            print(f"cannot be used: {shown(each.problem)}", file=sys.stderr)


@app.command("get")
def get(context: typer.Context, key: Key, *, as_json: AsJson = False) -> None:
    """Print the value of a preference; what it means, on standard error."""
    with transaction(load_settings(context.obj).database_url) as connection:
        preference = find_preference(connection, key)
    if as_json:
        print_json(preference)
        return
    about = f"{preference.label} ({preference.kind}, default {preference.default}). {preference.help}"
    print(shown(about), file=sys.stderr, flush=True)
    print(shown(preference.value))
    if preference.problem:
        print(f"cannot be used: {shown(preference.problem)}", file=sys.stderr)


@app.command("set")
def set_value(
    context: typer.Context,
    key: Key,
    value: Annotated[str, typer.Argument(help="Of the preference's kind.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Change a preference; the next run of any report goes by it."""
    with transaction(load_settings(context.obj).database_url) as connection:
        before = set_preference(connection, key, value)
        after = find_preference(connection, key)
    if as_json:
        print_json(after)
    else:
        print(f"{after.key}: {shown(before.value)} -> {shown(after.value)}")
