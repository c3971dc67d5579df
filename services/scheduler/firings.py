"""Claiming firings, publishing their commands, and publishing again what a dead replica left behind."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from services.scheduler.commands import report_runs
from services.scheduler.due import Schedule
from shared.broker import Outcome, Publishing, Topology
from shared.broker.sending import send
from shared.database.statements import load_statements
from shared.telemetry import tracing
from shared.wire import ReportRun

_SQL = load_statements("services.scheduler", "scheduler.sql")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Firing:
    """A claimed nominal time with the commands it publishes."""

    schedule: str
    nominal_at: datetime
    runs: Sequence[ReportRun]


def enabled_schedules(connection: Connection) -> list[Schedule]:
    """Read the schedules that may fire."""
    with connection.cursor(row_factory=class_row(Schedule)) as cursor:
        return cursor.execute(_SQL["enabled_schedules"]).fetchall()


def bring_back(connection: Connection, now: datetime) -> None:
    """Let no schedule wait for the clock to reach again what it showed before it went back to `now`."""
    connection.execute(_SQL["bring_back_schedules"], {"now": now})


def claim(connection: Connection, schedule: Schedule, nominal_at: datetime) -> Firing | None:
    """Claim one nominal time; committed before anything is published.

    Returns:
        The firing, or None when another replica has it or the schedule was disabled meanwhile.

    Raises:
        ScheduleInvalid: the schedule's args cannot be read; nothing is claimed.
    """
    runs = report_runs(schedule, nominal_at)
    with connection.transaction():
        key = {"schedule": schedule.name, "nominal_at": nominal_at}
        if connection.execute(_SQL["claim_firing"], key).fetchone() is None:
            connection.execute(_SQL["pass_over_firing"], key)
            return None
        connection.execute(_SQL["advance_schedule"], key)
        for run in runs:
            connection.execute(
                _SQL["add_run"],
                {"run_id": run.run_id, "report": run.report, "args": Jsonb(dict(run.args)), **key},
            )
    _log.info("claimed", action="firing-claimed", schedule=schedule.name, nominal_at=nominal_at.isoformat())
    return Firing(schedule.name, nominal_at, runs)


def unpublished(connection: Connection, republish_after: timedelta) -> list[Firing]:
    """Find firings that were claimed a while ago and are not known to be published."""
    rows = connection.execute(_SQL["unpublished_runs"], {"republish_after": republish_after}).fetchall()
    return [
        Firing(
            schedule,
            nominal_at,
            [
                ReportRun(str(run_id), report, nominal_at, args=args)
                for *_, run_id, report, args in group
                if run_id
            ],
        )
        for (schedule, nominal_at), group in itertools.groupby(rows, lambda row: row[:2])
    ]


def last_published(connection: Connection) -> list[tuple[str, datetime]]:
    """Tell when each enabled schedule's commands were last confirmed, whichever scheduler published them."""
    return connection.execute(_SQL["last_published"]).fetchall()


def publish(
    connection: Connection, publisher: Publishing, topology: Topology, firings: Iterable[Firing]
) -> None:
    """Publish firings; those confirmed are marked, the others are left for a later look."""
    for firing in firings:
        outcomes = _publish_runs(publisher, topology, firing)
        if any(outcome is not Outcome.CONFIRMED for outcome in outcomes):
            _log.warning(
                "not confirmed, will be published again",
                action="firing-unconfirmed",
                schedule=firing.schedule,
                outcomes=sorted({outcome.value for outcome in outcomes}),
            )
            continue
        connection.execute(
            _SQL["mark_published"], {"schedule": firing.schedule, "nominal_at": firing.nominal_at}
        )


def _publish_runs(publisher: Publishing, topology: Topology, firing: Firing) -> list[Outcome]:
    """Publish the runs of a firing at once; each begins a trace, whose id follows from the run's."""
    begun = [
        tracing.begin(
            "fire schedule",
            run.run_id,
            schedule=firing.schedule,
            report=run.report,
            nominal_at=firing.nominal_at.isoformat(),
        )
        for run in firing.runs
    ]
    try:
        return send(publisher, [topology.address(run) for run in firing.runs], begun)
    finally:
        for step in begun:
            step.end()
