"""A real PostgreSQL whose clock really jumps, and a scheduler on it."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from demo.roles import acting_as
from demo.servers import private_postgresql
from services.scheduler.scheduler import Scheduler
from shared.broker import Topology
from shared.database.migrate import migrate
from shared.settings import load_settings
from shared.wire import BouncesPoll, ReportRun
from tests.chaos.clock import ServerClock, server_clock
from tests.doubles.publisher import RecordingPublisher
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clock(faketime: Path) -> Iterator[ServerClock]:
    with server_clock(faketime) as clock:
        yield clock


@pytest.fixture
def database_url(clock: ServerClock) -> Iterator[str]:
    """On a private server that runs by the clock."""
    folder = private_postgresql.program_folder(os.environ)
    if folder is None:
        pytest.skip("no clock jumps: the programs initdb, postgres and pg_ctl are not installed")
    with private_postgresql.started(folder, clock.environment) as url:
        migrate(url)
        yield url


def jump(clock: ServerClock, pool: ConnectionPool, by: timedelta) -> None:
    """Let the clock jump, and wait until the server has seen it."""
    clock.jump(by)
    wait_until(lambda: abs(ahead(pool) - clock.offset) < timedelta(seconds=1))


def ahead(pool: ConnectionPool) -> timedelta:
    with pool.connection() as connection:
        ((now,),) = connection.execute("SELECT clock_timestamp()").fetchall()
    return now - datetime.now(UTC)  # type: ignore[no-any-return]


def make_round(scheduler: Scheduler, pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        scheduler.make_round(connection)
        connection.autocommit = False


def nominal_times(publisher: RecordingPublisher) -> list[datetime]:
    """Those published since the last look."""
    runs = [each for each in publisher.published if each.type == ReportRun.TYPE]
    publisher.published.clear()
    return [ReportRun.decode(run.type, run.body).nominal_at for run in runs]


def test_reports_and_polls_go_on_when_postgresqls_clock_jumps_forward_and_back(
    clock: ServerClock, database_url: str
) -> None:
    publisher = RecordingPublisher()
    with (
        psycopg.connect(database_url, autocommit=True) as admin,
        ConnectionPool(acting_as(database_url, "worker"), min_size=1, max_size=1, open=True) as pool,
    ):
        settings = load_settings(None, {"MAILROOM_NDR__DELAY_START": "0s"})
        scheduler = Scheduler(pool, publisher, Topology(), settings)
        admin.execute("DELETE FROM mailroom.schedule")
        admin.execute(
            "INSERT INTO mailroom.schedule (name, args, every)"
            " VALUES ('s', '{\"reports\": [\"no-send-servers\"]}', '1 second')"
        )
        make_round(scheduler, pool)
        first = nominal_times(publisher)

        jump(clock, pool, DAY)
        make_round(scheduler, pool)
        assert len(publisher.published) == 2, "the latest report, and a poll: the chain has been silent"
        ahead_of_time = nominal_times(publisher)
        assert ahead_of_time[0] - first[0] >= DAY

        jump(clock, pool, -DAY)
        make_round(scheduler, pool)
        assert [m.type for m in publisher.published] == [ReportRun.TYPE, BouncesPoll.TYPE]
        (caught_up,) = nominal_times(publisher)
        assert first[0] < caught_up < first[0] + HOUR

        jump(clock, pool, -HOUR)
        make_round(scheduler, pool)
        assert nominal_times(publisher) == [], "it counts from now, which is before it was created"

        def fires() -> bool:
            make_round(scheduler, pool)
            return bool(nominal_times(publisher))

        wait_until(fires)
