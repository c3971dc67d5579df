"""Ten simulated days with every change of the clocks of two zones: each nominal time fires once."""

import itertools
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

from demo.roles import acting_as
from services.scheduler.scheduler import Scheduler
from shared.broker import Topology
from shared.settings import load_settings
from shared.wire import ReportRun
from tests.doubles import debian_cron
from tests.doubles.publisher import RecordingPublisher

pytestmark = pytest.mark.integration

VANCOUVER, PARIS = "America/Vancouver", "Europe/Paris"
#: Two and a half days around each change of the clocks.
STRETCHES = [
    (datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 3, 9, 12, tzinfo=UTC)),
    (datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC)),
    (datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 26, 12, tzinfo=UTC)),
    (datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 11, 2, 12, tzinfo=UTC)),
]
START, END = STRETCHES[0][0], STRETCHES[-1][1]
REPLICAS = 3
SEED = 5


#: A run: of which schedule, at which nominal time, of which report.
Run = tuple[str, datetime, str]


@dataclass(frozen=True, slots=True)
class Expected:
    """A schedule with the nominal times it has to fire, worked out without the scheduler's code."""

    kind: str
    name: str
    nominal_times: frozenset[datetime]
    zone: str = "UTC"
    crontab: str | None = None
    every: timedelta | None = None
    starts_at: datetime | None = None
    expires_after: datetime | None = None
    one_off: bool = False
    reports: tuple[str, ...] = ("no-send-servers",)

    def runs(self) -> set[Run]:
        """Every report at every nominal time."""
        return {(self.name, nominal, report) for nominal in self.nominal_times for report in self.reports}


class SharedTime:
    """Simulated time: each replica reads it a little wrong, and moves it on by steps of its own."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._lock = threading.Lock()

    def read(self, error: timedelta) -> datetime:
        with self._lock:
            return self._now + error

    def move_on(self, step: timedelta) -> None:
        with self._lock:
            self._now += step


def in_a_stretch(nominal: datetime) -> bool:
    return any(start <= nominal < end for start, end in STRETCHES)


def by_crontab(crontab: str, zone: str) -> frozenset[datetime]:
    return frozenset(
        itertools.chain.from_iterable(
            debian_cron.firings(crontab, zone, start, end) for start, end in STRETCHES
        )
    )


def by_interval(every: timedelta, anchor: datetime, end: datetime = END) -> frozenset[datetime]:
    count = (end - anchor) // every + 1
    return frozenset(filter(in_a_stretch, (anchor + number * every for number in range(count))))


def installed(connection: psycopg.Connection[Any]) -> Iterator[Expected]:
    """The schedules of the migrations as they are, and the same in Paris."""
    for name, crontab, installed_zone, reports in connection.execute(
        "SELECT name, crontab, time_zone, args -> 'reports' FROM mailroom.schedule ORDER BY name"
    ).fetchall():
        assert installed_zone == VANCOUVER
        for zone, of_zone in ((VANCOUVER, name), (PARIS, f"{name} (Paris)")):
            times = by_crontab(crontab, zone)
            yield Expected("installed", of_zone, times, zone, crontab, reports=tuple(reports))


def further() -> Iterator[Expected]:
    for zone in (VANCOUVER, PARIS):
        for crontab in ("30 2 * * *", "30 1 * * *", "0,30 2,3 * * *"):
            yield Expected("fixed time", f"{crontab} {zone}", by_crontab(crontab, zone), zone, crontab)
        yield Expected("wildcard", f"*/30 {zone}", by_crontab("*/30 * * * *", zone), zone, "*/30 * * * *")
    for number in range(200):
        every = timedelta(minutes=37 + 3 * number) if number < 10 else timedelta(minutes=301 + 7 * number)
        anchor = START + timedelta(seconds=number)
        yield Expected("interval", f"i{number}", by_interval(every, anchor), every=every, starts_at=anchor)
    hours = timedelta(hours=1)
    once = START + 7 * hours
    yield Expected("one-off", "once", frozenset([once]), every=hours, starts_at=once, one_off=True)
    begin, last = START + 20 * hours, START + 30 * hours
    bounded = by_interval(hours, begin, last)
    yield Expected("bounded", "b", bounded, every=hours, starts_at=begin, expires_after=last)


def add(connection: psycopg.Connection[Any], schedule: Expected) -> None:
    connection.execute(
        "INSERT INTO mailroom.schedule"
        " (name, args, crontab, every, time_zone, starts_at, expires_after, one_off, catch_up)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 'all') ON CONFLICT (name) DO NOTHING",
        (
            schedule.name,
            Jsonb({"reports": schedule.reports}),
            schedule.crontab,
            schedule.every,
            schedule.zone,
            schedule.starts_at,
            schedule.expires_after,
            schedule.one_off,
        ),
    )


def replica(
    pool: ConnectionPool, publisher: RecordingPublisher, time: SharedTime, end: datetime, number: int
) -> None:
    chance = random.Random(SEED * number)  # noqa: S311 - differs between replicas, no secret
    offset = timedelta(seconds=chance.uniform(-90, 90))

    def clock(_: psycopg.Connection[Any]) -> datetime:
        return time.read(offset + timedelta(seconds=chance.uniform(-5, 5)))

    settings = load_settings(None, {"MAILROOM_NDR__DELAY_START": "1h"})
    scheduler = Scheduler(pool, publisher, Topology(), settings, clock)
    with pool.connection() as connection:
        # on until even the slowest clock has seen the end
        while time.read(timedelta(minutes=-2)) < end:
            scheduler.make_round(connection)
            time.move_on(timedelta(minutes=chance.uniform(0.5, 20) * number))
        scheduler.make_round(connection)
        connection.autocommit = False


def run_schedulers(
    pool: ConnectionPool, publisher: RecordingPublisher, time: SharedTime, end: datetime
) -> None:
    """Let fresh replicas work until simulated time has come to `end`."""
    threads = [
        threading.Thread(target=replica, args=(pool, publisher, time, end, number))
        for number in range(1, REPLICAS + 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)


def run_to_a_full_hour(
    pool: ConnectionPool, publisher: RecordingPublisher, time: SharedTime, end: datetime
) -> None:
    """The same, and on to a moment that is well away from half past, however wrong a clock is."""
    run_schedulers(pool, publisher, time, end)
    now, hour = time.read(timedelta()), timedelta(hours=1)
    time.move_on(hour - (now - START) % hour)
    run_schedulers(pool, publisher, time, now - timedelta(minutes=2))


def pause(
    connection: psycopg.Connection[Any],
    pool: ConnectionPool,
    publisher: RecordingPublisher,
    time: SharedTime,
) -> Expected:
    """Disable a schedule that fires at half past for a while; give what it still has to fire."""
    hour, begin = timedelta(hours=1), START - timedelta(minutes=30)
    add(connection, Expected("paused", "p", frozenset(), every=hour, starts_at=begin))
    connection.execute("UPDATE mailroom.schedule SET enabled_at = %s WHERE name = 'p'", (START,))
    run_to_a_full_hour(pool, publisher, time, START + 5 * hour)
    connection.execute("UPDATE mailroom.schedule SET enabled = false WHERE name = 'p'")
    disabled_at = time.read(timedelta())
    run_to_a_full_hour(pool, publisher, time, START + 10 * hour)
    enabled_at = time.read(timedelta())
    connection.execute("UPDATE mailroom.schedule SET enabled = true WHERE name = 'p'")
    connection.execute("UPDATE mailroom.schedule SET enabled_at = %s WHERE name = 'p'", (enabled_at,))
    due = by_interval(hour, begin)
    return Expected("paused", "p", frozenset(n for n in due if not disabled_at < n < enabled_at))


def table(expected: list[Expected], published: Counter[Run]) -> str:
    lines = ["kind         zone               schedules  expected  fired  twice  missed"]
    groups = sorted(expected, key=lambda each: (each.kind, each.zone))
    for (kind, zone), group in itertools.groupby(groups, lambda each: (each.kind, each.zone)):
        schedules = {each.name: each for each in group}
        wanted = {run for each in schedules.values() for run in each.runs()}
        counts = {run: count for run, count in published.items() if run[0] in schedules}
        twice = sum(count > 1 for count in counts.values())
        lines.append(
            f"{kind:<12} {zone:<18} {len(schedules):>9} {len(wanted):>9} {sum(counts.values()):>6} {twice:>6}"
            f" {len(wanted - counts.keys()):>7}"
        )
    return "\n".join(lines)


def test_three_schedulers_fire_every_nominal_time_of_ten_days_once(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher = RecordingPublisher()
    with (
        psycopg.connect(database_url, autocommit=True) as connection,
        ConnectionPool(acting_as(database_url, "worker"), min_size=REPLICAS, open=True) as pool,
    ):
        expected = [*installed(connection), *further()]
        for schedule in expected:
            add(connection, schedule)
        for start, end in STRETCHES:
            # enabled anew, so that what lies between two stretches isn't caught up
            connection.execute("UPDATE mailroom.schedule SET enabled_at = %s", (start,))
            time = SharedTime(start)
            if start == START:
                expected.append(pause(connection, pool, publisher, time))
            run_schedulers(pool, publisher, time, end)
        runs = connection.execute(
            "SELECT run_id::text, schedule, nominal_at, report FROM mailroom.report_run"
        ).fetchall()
        unpublished = connection.execute(
            "SELECT count(*) FROM mailroom.firing WHERE published_at IS NULL"
        ).fetchone()
    run_of = {run_id: tuple(run) for run_id, *run in runs}
    published = Counter(run_of[m.message_id] for m in publisher.published if m.type == ReportRun.TYPE)
    published = Counter({run: count for run, count in published.items() if in_a_stretch(run[1])})
    with capsys.disabled():
        print(  # noqa: T201 - the counts are what this test has to show
            f"\n\nten simulated days, {REPLICAS} schedulers\n{table(expected, published)}"
        )
    assert unpublished == (0,)
    wanted = {run for each in expected for run in each.runs()}
    assert wanted - set(published) == set(), "none is missed"
    assert set(published) - wanted == set(), "none is made up"
    assert set(published.values()) == {1}
