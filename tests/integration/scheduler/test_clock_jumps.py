"""A clock that jumps, forward or back: no flood, no wait, nothing twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from demo.roles import acting_as
from demo.servers.postgresql import PostgresqlServer
from services.scheduler.scheduler import Scheduler
from shared.broker import Topology
from shared.database.migrate import migrate
from shared.settings import load_settings
from shared.wire import ReportRun
from tests.doubles.publisher import RecordingPublisher

pytestmark = pytest.mark.integration

START = datetime(2026, 6, 1, 12, 0, 7, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERY = 5 * MINUTE
LIMIT = 3


@dataclass
class House:
    """One scheduler whose clock the test sets."""

    pool: ConnectionPool
    connection: psycopg.Connection[Any]
    now: datetime = START

    def __post_init__(self) -> None:
        self.publisher = RecordingPublisher()
        settings = load_settings(
            None, {"MAILROOM_NDR__DELAY_START": "1h", "MAILROOM_SCHEDULER__CATCH_UP_LIMIT": str(LIMIT)}
        )
        clock = lambda _: self.now  # noqa: E731 - the one thing about it is that it is set from outside
        self.scheduler = Scheduler(self.pool, self.publisher, Topology(), settings, clock)

    def add(self, catch_up: str, **columns: object) -> None:
        """Write a schedule, created and enabled now."""
        self.connection.execute(
            "INSERT INTO mailroom.schedule"
            " (name, args, every, crontab, starts_at, one_off, catch_up, created_at, enabled_at) VALUES"
            " ('s', '{\"reports\": [\"no-send-servers\"]}', %(every)s, %(crontab)s, %(starts_at)s,"
            " %(one_off)s, %(catch_up)s, %(now)s, %(now)s)",
            {
                "every": None if columns.get("crontab") else EVERY,
                "crontab": None,
                "starts_at": None,
                "one_off": False,
                "catch_up": catch_up,
                "now": self.now,
                **columns,
            },
        )

    def enable_again(self) -> None:
        self.connection.execute("UPDATE mailroom.schedule SET enabled = false")
        self.connection.execute("UPDATE mailroom.schedule SET enabled = true")
        self.connection.execute("UPDATE mailroom.schedule SET enabled_at = %s", (self.now,))

    def round(self) -> list[datetime]:
        """Make a round; give the nominal times whose runs it published."""
        before = len(self.publisher.published)
        with self.pool.connection() as connection:
            self.scheduler.make_round(connection)
            connection.autocommit = False
        return [
            ReportRun.decode(message.type, message.body).nominal_at
            for message in self.publisher.published[before:]
        ]


@pytest.fixture(scope="module")
def shared_database(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """One database for all examples of a property."""
    with postgresql_server.fresh_database("test") as url:
        migrate(url)
        yield url


@pytest.fixture(scope="module")
def pool(shared_database: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(acting_as(shared_database, "worker"), min_size=1, max_size=2, open=True) as pool:
        yield pool


@pytest.fixture(scope="module")
def connection(shared_database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(shared_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def house(pool: ConnectionPool, connection: psycopg.Connection[Any]) -> House:
    return empty_house(pool, connection)


def empty_house(pool: ConnectionPool, connection: psycopg.Connection[Any]) -> House:
    connection.execute("DELETE FROM mailroom.report_run")
    connection.execute("DELETE FROM mailroom.schedule")
    return House(pool, connection)


def grid(anchor: datetime, after: datetime, until: datetime) -> list[datetime]:
    """The moments a whole number of periods from the anchor, worked out without the scheduler's code."""
    first = int((after - anchor) / EVERY) - 2
    moments = (anchor + number * EVERY for number in range(first, first + int((until - after) / EVERY) + 5))
    return [moment for moment in moments if after < moment <= until]


jumps = st.one_of(
    st.timedeltas(timedelta(seconds=1), 12 * MINUTE),
    st.timedeltas(-3 * HOUR, 3 * HOUR),
    st.timedeltas(-9 * DAY, 9 * DAY),
)


@dataclass(frozen=True)
class Story:
    """What a clock and an operator do to one schedule."""

    before: list[timedelta]
    after: list[timedelta | str]
    catch_up: str
    crontab: str | None
    starts: timedelta | None


stories = st.builds(
    Story,
    before=st.lists(jumps, max_size=3),
    after=st.lists(jumps | st.just("enable again"), max_size=12),
    catch_up=st.sampled_from(["skip", "latest", "all"]),
    crontab=st.sampled_from([None, "*/5 * * * *"]),
    starts=st.none() | st.timedeltas(-DAY, DAY),
)


@settings(max_examples=100)
@given(story=stories)
def test_however_the_clock_jumps_no_time_fires_twice_and_later_none_is_left_out(
    pool: ConnectionPool, connection: psycopg.Connection[Any], story: Story
) -> None:
    house = empty_house(pool, connection)
    house.now += sum(story.before, timedelta())
    starts_at = None if story.starts is None else START + story.starts
    anchor = datetime(2026, 1, 1, tzinfo=UTC) if story.crontab else starts_at or house.now
    house.add(story.catch_up, crontab=story.crontab, starts_at=starts_at)
    fired: list[datetime] = []
    for step in story.after:
        if isinstance(step, timedelta):
            house.now += step
        else:
            house.enable_again()
        now_fired = house.round()
        assert len(now_fired) <= (LIMIT if story.catch_up == "all" else 1), "no flood"
        assert all(nominal <= house.now for nominal in now_fired), "nothing before its time"
        fired += now_fired
    house.round()
    steady_from = house.now
    while house.now < steady_from + 3 * EVERY:
        house.now += timedelta(seconds=55)
        house.round()
    published = [ReportRun.decode(each.type, each.body).nominal_at for each in house.publisher.published]
    assert len(published) == len(set(published)), "nothing twice"
    assert all(starts_at is None or nominal >= starts_at for nominal in published)
    wanted = [n for n in grid(anchor, steady_from, house.now) if starts_at is None or n >= starts_at]
    assert set(wanted) <= set(published), "nothing waits until the clock has caught up"


def test_a_clock_that_goes_back_is_told_once(house: House) -> None:
    house.add("latest")
    house.round()
    with structlog.testing.capture_logs() as logs:
        house.now -= HOUR
        house.round()
        house.now += MINUTE
        house.round()
    assert [(log["action"], log["by"]) for log in logs if log["log_level"] == "warning"] == [
        ("clock-went-back", "1:00:00")
    ]


def test_a_day_forward_fires_one_report_where_the_latest_is_wanted(house: House) -> None:
    house.add("latest")
    house.now += DAY
    assert house.round() == [START + DAY]


def test_after_a_day_that_was_not_the_days_reports_come_at_their_times(house: House) -> None:
    house.add("latest")
    house.now += DAY
    house.round()
    house.now = START + EVERY
    assert house.round() == [START + EVERY]
    house.now += EVERY
    assert house.round() == [START + 2 * EVERY]
    house.now = START + DAY
    assert house.round() == [], "that one has fired"
    assert house.connection.execute("SELECT last_nominal_at FROM mailroom.schedule").fetchone() == (
        house.now,
    ), "and is not tried again and again"
    house.now = START + DAY + EVERY
    assert house.round() == [START + DAY + EVERY]


def test_what_was_skipped_while_the_clock_was_ahead_fires_at_its_time(house: House) -> None:
    house.add("skip")
    house.now += 2 * DAY + 2 * MINUTE
    assert house.round() == []
    house.now = START + DAY
    house.round()
    house.now += EVERY
    assert house.round() == [START + DAY + EVERY]


def test_a_one_off_that_fired_ahead_of_time_does_not_fire_again(house: House) -> None:
    house.add("latest", one_off=True, starts_at=START + HOUR)
    house.now += 2 * HOUR
    assert len(house.round()) == 1
    house.now = START
    assert house.round() == []
    house.now = START + HOUR
    assert house.round() == []


def test_a_schedule_enabled_while_the_clock_was_ahead_fires_at_its_next_time(house: House) -> None:
    house.add("latest")
    house.now += DAY
    house.enable_again()
    house.now = START + MINUTE
    assert house.round() == []
    house.now = START + EVERY
    assert house.round() == [START + EVERY]


def test_an_interval_created_while_the_clock_was_ahead_keeps_its_phase(house: House) -> None:
    house.now += DAY + MINUTE
    house.add("latest")
    house.now = START
    assert house.round() == []
    house.now = START + EVERY
    assert house.round() == [START + MINUTE]


def test_a_start_ahead_is_waited_for(house: House) -> None:
    house.add("latest", starts_at=START + HOUR)
    house.now += DAY
    house.round()
    house.now = START + 30 * MINUTE
    assert house.round() == []
    house.now = START + HOUR
    assert house.round() == [START + HOUR]


def test_what_a_scheduler_claimed_before_the_clock_went_back_is_published_by_another(house: House) -> None:
    house.add("latest")
    house.publisher._refuse = lambda _: True
    house.now += EVERY
    assert house.round() == []
    house.connection.execute("UPDATE mailroom.firing SET claimed_at = now() + interval '1 hour'")
    house.publisher._refuse = lambda _: False
    assert house.round() == [START + EVERY]
    assert house.round() == []


def test_polls_go_on_when_the_clock_went_back_during_a_pause_or_a_chain(
    house: House, pool: ConnectionPool
) -> None:
    polling = load_settings(None, {"MAILROOM_NDR__DELAY_START": "0s"})
    house.scheduler = Scheduler(pool, house.publisher, Topology(), polling)
    for next_due in ("now() + interval '61 minutes'", "NULL"):
        house.connection.execute(
            "UPDATE mailroom.bounce_poll SET moved_at = now() + interval '1 hour',"
            f" silent_after = now() + interval '61 minutes', next_due_at = {next_due}"
        )
        for _ in range(2):
            with pool.connection() as connection:
                house.scheduler.make_round(connection)
                connection.autocommit = False
    assert len(house.publisher.published) == 2
