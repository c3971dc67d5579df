"""The rows of `mailroom.schedule`: reading them, switching them on and off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row

from services.console.names import look_up
from services.scheduler.due import Schedule
from shared.database.statements import load_statements
from shared.settings.values import format_time_span

_SQL = load_statements("services.console.schedules", "schedules.sql")


@dataclass(frozen=True, slots=True)
class StoredSchedule:
    """A row of `mailroom.schedule`, as its column comments describe it."""

    name: str
    task: str
    args: Mapping[str, Any]
    crontab: str | None
    every: timedelta | None
    time_zone: str
    enabled: bool
    one_off: bool
    starts_at: datetime | None
    expires_after: datetime | None
    catch_up: Literal["skip", "latest", "all"]
    last_nominal_at: datetime | None
    run_count: int
    description: str | None
    created_at: datetime
    enabled_at: datetime

    @property
    def rhythm(self) -> str:
        """When it fires, as a person writes it."""
        return self.crontab or f"every {format_time_span(self.every or timedelta())}"

    @property
    def reports(self) -> tuple[str, ...]:
        """Names of the reports it runs; empty when its args name none."""
        reports = self.args.get("reports")
        return tuple(map(str, reports)) if isinstance(reports, list) else ()

    def as_scheduled(self) -> Schedule:
        """Return what the scheduler goes by."""
        return Schedule(
            name=self.name,
            task=self.task,
            args=self.args,
            crontab=self.crontab,
            every=self.every,
            time_zone=self.time_zone,
            one_off=self.one_off,
            starts_at=self.starts_at,
            expires_after=self.expires_after,
            catch_up=self.catch_up,
            last_nominal_at=self.last_nominal_at,
            created_at=self.created_at,
            enabled_at=self.enabled_at,
        )


def list_schedules(connection: Connection) -> dict[str, StoredSchedule]:
    """Read every schedule, by name and sorted by it."""
    with connection.cursor(row_factory=class_row(StoredSchedule)) as cursor:
        return {schedule.name: schedule for schedule in cursor.execute(_SQL["list"])}


def find_schedule(connection: Connection, name: str) -> StoredSchedule:
    """Read one schedule.

    Raises:
        NameUnknown: there is none of this name.
    """
    return look_up("schedule", name, list_schedules(connection))


def switch(connection: Connection, names: Sequence[str], *, enabled: bool) -> list[str]:
    """Enable or disable schedules; all of them or, when one is unknown, none.

    Returns:
        The names of those that were not so before.

    Raises:
        NameUnknown: there is none of one of these names.
    """
    known = list_schedules(connection)
    for name in names:
        look_up("schedule", name, known)
    return sorted(
        name for (name,) in connection.execute(_SQL["set_enabled"], {"names": names, "enabled": enabled})
    )


def switch_all(connection: Connection, *, enabled: bool) -> list[str]:
    """Enable or disable every schedule at once.

    Returns:
        The names of those that were not so before.
    """
    return sorted(name for (name,) in connection.execute(_SQL["set_all_enabled"], {"enabled": enabled}))
