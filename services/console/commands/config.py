"""`mailroom config`: the settings in effect, whether they are right, and taking over those of Mailismus."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.console import toml
from services.console.effective_settings import effective_settings
from services.console.files import read_file, write_file
from services.console.mailismus import Imported, import_mailismus
from services.console.output import AsJson, print_json, shown
from services.ndr_worker.composition.compose import Composer
from services.ndr_worker.composition.header import NdrIdentityError
from services.ndr_worker.composition.identity import identity
from shared.settings import Problem, SettingsInvalid, load_settings

app = typer.Typer(no_args_is_help=True, help="The settings.")


@app.command("show")
def show(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show the settings in effect, defaults included, passwords masked."""
    sections = effective_settings(load_settings(context.obj))
    if as_json:
        print_json({**sections.pop(""), **sections})
        return
    written = {
        name: {key: value for key, value in section.items() if value is not None}
        for name, section in sections.items()
    }
    print(toml.document(written), end="")


@app.command("check")
def check(context: typer.Context) -> None:
    """Check the settings alone; `python -m services.NAME --check` also checks the connections."""
    settings = load_settings(context.obj)
    try:
        Composer(identity(settings))
    except NdrIdentityError as error:
        raise SettingsInvalid([Problem("ndr", str(error))]) from error
    print("the settings are in order")


@app.command("import-mailismus")
def take_over_mailismus(
    file: Annotated[Path, typer.Argument(help="mailismus.xml, or its <report> block alone.")],
    *,
    output: Annotated[Path | None, typer.Option(help="Settings file to write; default: print it.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite the settings file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Turn a Mailismus configuration into settings, and tell what is not the same afterwards."""
    imported = import_mailismus(read_file(file), os.environ)
    if output is not None:
        write_file(output, imported.toml, replace=replace)
    if as_json:
        print_json(imported)
        return
    if output is None:
        print(imported.toml, end="")
    _print_notes(imported)


def _print_notes(imported: Imported) -> None:
    """Print notes on standard error, so that standard output is the settings alone."""
    for note in imported.notes:
        print(f"{shown(note.subject)} ({note.verdict}): {shown(note.reason)}. {note.advice}", file=sys.stderr)
