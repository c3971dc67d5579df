"""Names for the shell to complete: looked up when somebody presses Tab, and none when anything is wrong."""

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Literal, Self

import psycopg
import typer

from services.report_worker.catalogue import Catalogue
from services.report_worker.preference_registry import REGISTRY
from shared.database.statements import load_statements
from shared.settings import Settings, load_settings

_SQL = load_statements("services.console", "completion.sql")
#: Seconds; nobody waits longer for a Tab.
_PATIENCE = 2
_UNSAFE = re.compile(r"([^\w@%+=:,./-])")

Completion = Callable[[typer.Context, str], list[str]]


_Kind = Literal["bots", "mails", "runs", "schedules", "sites", "subscriptions", "users"]


def complete(kind: _Kind) -> Completion:
    """Return what completes names that are in the database."""

    def look_up(context: typer.Context, incomplete: str) -> list[str]:
        with (
            suppress(Exception),  # whatever it is, the command itself will say it
            psycopg.connect(_settings(context).database_url, connect_timeout=_PATIENCE) as connection,
        ):
            rows = connection.execute(_SQL[kind], {"typed": incomplete}).fetchall()
            return _as_typed(str(name) for (name,) in rows)
        return []

    return look_up


def complete_reports(context: typer.Context, incomplete: str) -> list[str]:
    """Complete names of the catalogue."""
    with suppress(Exception):
        names = Catalogue.load(_settings(context).reports.catalogue_path).reports
        return _as_typed(name for name in names if name.startswith(incomplete))
    return []


def complete_preferences(incomplete: str) -> list[str]:
    """Complete keys of preferences."""
    return _as_typed(each.key for each in REGISTRY if each.key.startswith(incomplete))


class _InBash(str):
    """A name as it has to be typed in bash, which inserts it as it is."""

    __slots__ = ("_name",)
    _name: str

    def __new__(cls, name: str) -> Self:
        quoted = super().__new__(cls, _UNSAFE.sub(r"\\\1", name))
        quoted._name = name
        return quoted

    def startswith(self, *bounds: Any) -> bool:  # noqa: ANN401 - whatever str takes
        """Compare the name itself: what was typed is passed on without its quoting."""
        return self._name.startswith(*bounds)


def _as_typed(names: Iterable[str]) -> list[str]:
    """Names as the shell wants them; other shells than bash, and bash within quotes, quote by themselves."""
    if os.environ.get("_MAILROOM_COMPLETE") != "complete_bash" or _within_quotes():
        return list(names)
    return [_InBash(name) for name in names]


def _within_quotes() -> bool:
    words, number = os.environ.get("COMP_WORDS", "").split("\n"), int(os.environ.get("COMP_CWORD", "0"))
    return number < len(words) and words[number].startswith(("'", '"'))


def _settings(context: typer.Context) -> Settings:
    return load_settings(context.find_root().params.get("config"))
