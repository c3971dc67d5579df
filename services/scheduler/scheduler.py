"""The scheduler's loop: once a second, what is due is claimed and published.

It looks at the rows of all schedules each time, so a changed one takes effect at the next round. It does
so without LISTEN/NOTIFY: a look costs milliseconds, and a notification may be lost with its connection, so
there would have to be a look as well. Any number of replicas may run: the rows they insert decide who fires.
"""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import psycopg
import structlog
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from services.scheduler import firings, poll_chain
from services.scheduler.agenda import Agenda
from services.scheduler.clock import Clock, database_clock
from services.scheduler.due import CatchUp, Schedule, lies_ahead
from services.scheduler.rhythm import ScheduleInvalid
from shared.broker import Publishing, Topology
from shared.database.statements import load_statements
from shared.settings import Settings
from shared.telemetry.metrics import (
    BOUNCES_WAITING,
    OLDEST_BOUNCE_AGE,
    SCHEDULE_LAST_SUCCESS,
    SCHEDULER_LAST_ROUND,
)

_SQL = load_statements("services.scheduler", "scheduler.sql")
_log = structlog.get_logger()
#: Seconds between two rounds.
ROUND = 1.0
#: Seconds between two looks at the backlog and at what was last published.
_GAUGES = 15.0
#: Seconds without a round after which the loop counts as stuck: longer than one round of publishes may take.
_STUCK = 180


class Scheduler:
    """Runs rounds on a thread of its own.

    Args:
        pool: of connections as the worker role.
        publisher: what the commands go out by.
        topology: where they go.
        settings: of the scheduler and the bounce polls.
        clock: decides which nominal times have come.
        ask_broker: measures the queues, without waiting for the broker.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        publisher: Publishing,
        topology: Topology,
        settings: Settings,
        clock: Clock = database_clock,
        *,
        ask_broker: Callable[[], None] = lambda: None,
    ) -> None:
        self._pool = pool
        self._publisher = publisher
        self._topology = topology
        self._settings = settings
        self._clock = clock
        self._ask_broker = ask_broker
        self._agenda = Agenda(CatchUp(settings.scheduler.catch_up_limit, settings.scheduler.catch_up_age))
        self._now: datetime | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
        self._last_round = time.monotonic()
        self._gauges_at = self._queues_at = 0.0
        self._polls_from = time.monotonic() + settings.ndr.delay_start.total_seconds()
        self._trouble: str | None = "no round has been made yet"

    def start(self) -> None:
        """Begin to make rounds."""
        self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Finish the round in progress; tell whether it ended within `timeout` seconds."""
        self._stopping.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def trouble_living(self) -> str | None:
        """Say what is stuck."""
        silence = time.monotonic() - self._last_round
        return f"the last round was {silence:.0f} s ago" if silence > _STUCK else None

    def trouble_working(self) -> str | None:
        """Say why the last round failed."""
        return self._trouble

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._measure_queues()
            try:
                with self._pool.connection() as connection:
                    self.make_round(connection)
                self._trouble = None
                SCHEDULER_LAST_ROUND.set_to_current_time()
            except (psycopg.Error, PoolTimeout) as error:
                self._trouble = f"the database does not answer ({error})"
                _log.warning("round failed", action="round-failed", reason=str(error))
            self._last_round = time.monotonic()
            self._stopping.wait(ROUND)

    def make_round(self, connection: Connection) -> None:
        """Claim and publish all that is due now, and look after what others left behind."""
        connection.autocommit = True
        for schedule, nominal_times in self._due(connection):
            self._fire(connection, schedule, nominal_times)
        left = firings.unpublished(connection, self._settings.scheduler.republish_after)
        firings.publish(connection, self._publisher, self._topology, left)
        if time.monotonic() >= self._polls_from:
            ndr = self._settings.ndr
            poll_chain.start_if_due(
                connection,
                self._publisher,
                self._topology,
                chain_lease=ndr.chain_lease,
                interval_error=ndr.interval_error,
            )
        self._measure(connection)

    def _due(self, connection: Connection) -> Iterator[tuple[Schedule, tuple[datetime, ...]]]:
        now = self._clock(connection)
        if self._now and now < self._now:
            _log.warning("the clock went back", action="clock-went-back", by=str(self._now - now))
            self._agenda.forget()
        self._now = now
        schedules = firings.enabled_schedules(connection)
        if any(lies_ahead(schedule, now) for schedule in schedules):
            firings.bring_back(connection, now)
            schedules = firings.enabled_schedules(connection)
        return self._agenda.due(schedules, now)

    def _fire(self, connection: Connection, schedule: Schedule, nominal_times: tuple[datetime, ...]) -> None:
        """Fire one schedule; one that cannot be read keeps nobody else waiting."""
        try:
            claimed = [firings.claim(connection, schedule, nominal) for nominal in nominal_times]
        except ScheduleInvalid as error:
            self._agenda.complain(schedule, error)
            return
        firings.publish(connection, self._publisher, self._topology, [firing for firing in claimed if firing])

    def _measure_queues(self) -> None:
        """Not a part of the round: a database that is away leaves no old values of the queues."""
        if time.monotonic() >= self._queues_at:
            self._queues_at = time.monotonic() + _GAUGES
            self._ask_broker()

    def _measure(self, connection: Connection) -> None:
        if time.monotonic() < self._gauges_at:
            return
        self._gauges_at = time.monotonic() + _GAUGES
        waiting, oldest = connection.execute(_SQL["backlog"]).fetchone() or (0, 0)
        BOUNCES_WAITING.set(waiting)
        OLDEST_BOUNCE_AGE.set(oldest)
        for schedule, published_at in firings.last_published(connection):
            SCHEDULE_LAST_SUCCESS.labels(schedule).set(published_at.timestamp())
