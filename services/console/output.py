"""Printing what was asked for: a table for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.settings.values import format_time_span

#: Columns of a page on which no line is folded.
_UNFOLDED = 100_000
#: The option of every command that lists something.
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def print_json(value: object) -> None:
    """Print plain values, dataclasses, times, time spans and ids as JSON."""
    print(json.dumps(value, default=_plain, ensure_ascii=False))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under headings; what cannot be shown on a terminal is shown as an escape."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    # Where nobody looks on, lines are as long as they are, for the program that reads them.
    terminal = Console()
    Console(width=terminal.width if terminal.is_terminal else _UNFOLDED).print(table)


def shown(value: object) -> str:
    """A value as a person reads it; control characters, which a terminal would obey, as escapes."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M:%S %z}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return format_time_span(value)
    if isinstance(value, tuple):
        return ", ".join(map(shown, value))
    text = " ".join(str(value).split())
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, timedelta):
        return format_time_span(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "__dataclass_fields__"):
        record: Any = value
        return {field.name: getattr(record, field.name) for field in fields(record)}
    raise TypeError(f"{type(value).__name__} has no JSON form")
