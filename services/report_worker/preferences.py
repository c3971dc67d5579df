"""What an operator tunes for all reports at once: the preferences of the section `exchange`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self, TypeVar

import psycopg

from shared.database.statements import load_statements
from shared.errors import MailroomError
from shared.settings.values import parse_time_span, parse_yes_no

_STATEMENTS = load_statements("services.report_worker", "control.sql")

_T = TypeVar("_T")


class PreferenceMalformed(MailroomError):
    """A preference has a value that is not of its kind; the message names both."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences that reports read; a missing row means the default.

    Attributes:
        report_interval: length of every report's window.
        report_level: the level that subjects carry.
        empty_alerts: whether reports that only matter with rows are mailed without any.
        reports_enabled: whether any report is sent at all.
    """

    report_interval: timedelta = timedelta(hours=12)
    report_level: str = "INFO"
    empty_alerts: bool = False
    reports_enabled: bool = True

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Self:
        """Read preferences from their rows, name to value; names that no report reads are left alone.

        Raises:
            PreferenceMalformed: an interval is no time span or not above zero, or a boolean is none.
        """
        return cls(
            report_interval=_read(values, "report_interval", _parse_interval, cls().report_interval),
            report_level=_read(values, "report_level", str.strip, cls().report_level),
            empty_alerts=_read(values, "empty_alerts", parse_yes_no, cls().empty_alerts),
            reports_enabled=_read(values, "reports_enabled", parse_yes_no, cls().reports_enabled),
        )


def load_preferences(connection: psycopg.Connection) -> Preferences:
    """Read the preferences from PostgreSQL.

    Raises:
        PreferenceMalformed: one has a value that is not of its kind.
    """
    return Preferences.parse(dict(connection.execute(_STATEMENTS["preferences"]).fetchall()))


def _read(values: Mapping[str, str], name: str, parse: Callable[[str], _T], default: _T) -> _T:
    if name not in values:
        return default
    try:
        return parse(values[name])
    except ValueError as error:
        raise PreferenceMalformed(f"preference exchange__{name} is {values[name]!r:.40}, {error}") from error


def _parse_interval(text: str) -> timedelta:
    interval = parse_time_span(text)
    if interval <= timedelta():
        raise ValueError("not above zero; write for instance 45m, 12h or 1d12h")
    return interval
