"""The preferences that reports go by, as they are now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import psycopg

from services.report_worker import preference_registry as registry
from shared.database.statements import load_statements

_STATEMENTS = load_statements("services.report_worker", "control.sql")


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences that reports read; what each means is in its help.

    Attributes:
        report_interval: see `preference_registry.REPORT_INTERVAL`; likewise the others.
        report_level: see above.
        default_level: see above.
        empty_alerts: see above.
        reports_enabled: see above.
        failure_quiet: see above.
        expire_events: see above.
        charts: see above.
        host_tag: see above.
    """

    report_interval: timedelta = timedelta(hours=12)
    report_level: str = "INFO"
    default_level: str = "WARNING"
    empty_alerts: bool = False
    reports_enabled: bool = True
    failure_quiet: timedelta = timedelta(hours=4)
    expire_events: timedelta = timedelta(hours=36)
    charts: bool = False
    host_tag: bool = False

    @classmethod
    def parse(cls, values: Mapping[str, str]) -> Self:
        """Read preferences from their rows, name to value; names that no report reads are left alone.

        Raises:
            PreferenceMalformed: a value is not of its kind.
        """
        return cls(
            report_interval=registry.REPORT_INTERVAL.read(values),
            report_level=registry.REPORT_LEVEL.read(values),
            default_level=registry.DEFAULT_LEVEL.read(values),
            empty_alerts=registry.EMPTY_ALERTS.read(values),
            reports_enabled=registry.REPORTS_ENABLED.read(values),
            failure_quiet=registry.FAILURE_QUIET.read(values),
            expire_events=registry.EXPIRE_EVENTS.read(values),
            charts=registry.CHARTS.read(values),
            host_tag=registry.HOST_TAG.read(values),
        )


def load_preferences(connection: psycopg.Connection) -> Preferences:
    """Read the preferences from PostgreSQL.

    Raises:
        PreferenceMalformed: one has a value that is not of its kind.
    """
    return Preferences.parse(dict(connection.execute(_STATEMENTS["preferences"]).fetchall()))


def load_preferences_leniently(connection: psycopg.Connection) -> Preferences:
    """Read the preferences; where one is malformed, a notice of that still goes out, with the defaults."""
    try:
        return load_preferences(connection)
    except registry.PreferenceMalformed:
        return Preferences()
