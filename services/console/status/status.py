"""Mailroom at one moment, as one value: what the database tells, and what the broker does."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from services.console.preferences.preferences import list_preferences
from services.console.reports.runs import LedgerRun, RunState, list_runs
from services.console.schedules.firings import firings_ahead
from services.console.schedules.schedules import StoredSchedule, list_schedules
from services.console.status.depths import queue_depths
from services.console.subscriptions.subscriptions import list_subscriptions
from services.report_worker.preferences import load_preferences_leniently
from services.scheduler.rhythm import ScheduleInvalid
from shared.broker import Topology
from shared.database.schema import missing_migrations
from shared.database.statements import load_statements
from shared.settings import Settings

_SQL = load_statements("services.console.status", "status.sql")
#: What "lately" means: runs and deliveries are counted this far back.
LATELY = timedelta(hours=24)
#: Rows of each list: enough to see what is up, the pages of the tables have the rest.
LISTED = 10
_DELIVERY_STATES = ("attempting", "delivered", "deferred", "failed", "held")


@dataclass(frozen=True, slots=True)
class NextFiring:
    """The next nominal time of a schedule."""

    schedule: str
    nominal_at: datetime


@dataclass(frozen=True, slots=True)
class Poll:
    """The chain of bounce polls.

    Attributes:
        running: whether one runs now.
        next_due_at: when the next one is due; None while one runs, and when there never was one.
        silent_after: a running one that has not moved by then is broken.
        outcome: how the last one ended: found, empty, paused, error.
    """

    running: bool
    next_due_at: datetime | None
    silent_after: datetime | None
    outcome: Literal["found", "empty", "paused", "error"] | None


@dataclass(frozen=True, slots=True)
class FailedDelivery:
    """A mail that will not reach one of its recipients."""

    mail_id: str
    recipient: str
    kind: str
    enhanced_status: str | None
    reply: str | None
    last_attempt_at: datetime


@dataclass(frozen=True, slots=True)
class MutedSubscription:
    """A subscription that gets nothing for a while."""

    name: str
    until: datetime


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """What the database tells.

    Attributes:
        schedules_enabled: how many fire.
        schedules_disabled: how many do not.
        next_firings: the first few of what is due next.
        unreadable_schedules: enabled ones that do not fire, with the reason.
        poll: the chain of bounce polls.
        runs: lately created, by state; a state without any has 0.
        latest_runs: the latest first, whenever they were.
        failed_runs: the latest of those lately created that failed.
        oldest_scheduled_run_at: since when the first run has waited for a worker.
        deliveries: lately attempted, by state.
        failed_deliveries: the latest of those that failed.
        undelivered_reports: how many of them were no NDRs.
        in_doubt: deliveries nobody knows the result of.
        held: those of them that wait for an operator.
        bounces_waiting: bounced entries no worker has.
        bounces_leased: those a worker has.
        oldest_bounce_at: when the oldest of those waiting bounced.
        oldest_bounce_age_seconds: how long ago that was.
        quarantined: entries no NDR could be made for.
        reports_enabled: the preference; without it, runs are skipped.
        malformed_preferences: keys of those that cannot be used.
        muted_subscriptions: those muted now.
    """

    schedules_enabled: int
    schedules_disabled: int
    next_firings: tuple[NextFiring, ...]
    unreadable_schedules: Mapping[str, str]
    poll: Poll
    runs: Mapping[str, int]
    latest_runs: tuple[LedgerRun, ...]
    failed_runs: tuple[LedgerRun, ...]
    oldest_scheduled_run_at: datetime | None
    deliveries: Mapping[str, int]
    failed_deliveries: tuple[FailedDelivery, ...]
    undelivered_reports: int
    in_doubt: int
    held: int
    bounces_waiting: int
    bounces_leased: int
    oldest_bounce_at: datetime | None
    oldest_bounce_age_seconds: int | None
    quarantined: int
    reports_enabled: bool
    malformed_preferences: tuple[str, ...]
    muted_subscriptions: tuple[MutedSubscription, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """Mailroom at one moment.

    Attributes:
        taken_at: that moment, by the database's clock.
        since: what is called "lately" begins here.
        missing_migrations: what the database lacks; with any, nothing else is asked of it.
        database: what it tells.
        queues: messages ready on each queue, by its short name, None for one that is not declared; None
            when the broker does not answer.
    """

    taken_at: datetime
    since: datetime
    missing_migrations: tuple[str, ...]
    database: DatabaseStatus | None
    queues: Mapping[str, int | None] | None


def read_status(connection: Connection, settings: Settings) -> Status:
    """Ask database and broker.

    Args:
        connection: may read all tables.
        settings: where the broker is.

    Raises:
        psycopg.Error: the database does not answer, or refuses.
    """
    ((taken_at,),) = connection.execute(_SQL["now"])
    since = taken_at - LATELY
    missing = tuple(missing_migrations(connection))
    return Status(
        taken_at,
        since,
        missing,
        None if missing else _read_database(connection, taken_at, since),
        queue_depths(settings.amqp_url, Topology.of(settings)),
    )


def _read_database(connection: Connection, now: datetime, since: datetime) -> DatabaseStatus:
    schedules = list_schedules(connection).values()
    firings, unreadable = next_firings(schedules, now)
    failed = list_runs(connection, state=RunState.FAILED, limit=LISTED)
    ((oldest_run,),) = connection.execute(_SQL["oldest_scheduled_run"])
    return DatabaseStatus(
        schedules_enabled=sum(schedule.enabled for schedule in schedules),
        schedules_disabled=sum(not schedule.enabled for schedule in schedules),
        next_firings=firings[:LISTED],
        unreadable_schedules=unreadable,
        poll=_poll(connection),
        runs=_by_state(connection, "runs_by_state", RunState, since),
        latest_runs=tuple(list_runs(connection, limit=LISTED)),
        failed_runs=tuple(run for run in failed if run.created_at >= since),
        oldest_scheduled_run_at=oldest_run,
        deliveries=_by_state(connection, "deliveries_by_state", _DELIVERY_STATES, since),
        failed_deliveries=_failed_deliveries(connection, since),
        reports_enabled=load_preferences_leniently(connection).reports_enabled,
        malformed_preferences=tuple(
            preference.key for preference in list_preferences(connection).values() if preference.problem
        ),
        muted_subscriptions=tuple(
            MutedSubscription(each.name, each.mute_until)
            for each in list_subscriptions(connection).values()
            if each.mute_until and each.mute_until > now
        ),
        **_numbers(connection, "counts", since),
        **_numbers(connection, "bounces", since),
    )


def next_firings(
    schedules: Iterable[StoredSchedule], now: datetime
) -> tuple[tuple[NextFiring, ...], Mapping[str, str]]:
    """Return what is due next, the first first, and why some enabled schedules never fire."""
    ahead: list[NextFiring] = []
    unreadable = {}
    for schedule in schedules:
        if not schedule.enabled:
            continue
        try:
            firings = firings_ahead(schedule.as_scheduled(), now, 1)
        except ScheduleInvalid as error:
            unreadable[schedule.name] = str(error)
        else:
            ahead += [NextFiring(schedule.name, firing.utc) for firing in firings]
    return tuple(sorted(ahead, key=lambda firing: (firing.nominal_at, firing.schedule))), unreadable


def _by_state(
    connection: Connection, statement: str, states: Iterable[str], since: datetime
) -> Mapping[str, int]:
    counted: dict[str, int] = dict(connection.execute(_SQL[statement], {"since": since}).fetchall())
    return {str(state): counted.get(state, 0) for state in states}


def _failed_deliveries(connection: Connection, since: datetime) -> tuple[FailedDelivery, ...]:
    with connection.cursor(row_factory=class_row(FailedDelivery)) as cursor:
        return tuple(cursor.execute(_SQL["failed_deliveries"], {"since": since, "limit": LISTED}))


def _poll(connection: Connection) -> Poll:
    with connection.cursor(row_factory=class_row(Poll)) as cursor:
        (poll,) = cursor.execute(_SQL["poll"])
        return poll


def _numbers(connection: Connection, statement: str, since: datetime) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_SQL[statement], {"since": since}).fetchone() or {}
