"""Rounds of several schedulers on one database: every nominal time once, nothing left unpublished."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from prometheus_client import REGISTRY
from psycopg_pool import ConnectionPool

from demo.roles import acting_as
from services.scheduler.scheduler import Scheduler
from shared.broker import Outgoing, Topology
from shared.settings import load_settings
from shared.telemetry.metrics import SCHEDULE_LAST_SUCCESS
from shared.wire import BouncesPoll, ReportRun
from tests.doubles.publisher import RecordingPublisher

pytestmark = pytest.mark.integration


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DELETE FROM mailroom.schedule")
        yield connection


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(acting_as(database_url, "worker"), min_size=1, max_size=8, open=True) as pool:
        yield pool


def test_the_queues_are_measured_also_while_the_database_is_away() -> None:
    asked = threading.Event()
    with ConnectionPool("postgresql://127.0.0.1:1/none", min_size=1, timeout=0.1, open=True) as pool:
        scheduler = Scheduler(
            pool, RecordingPublisher(), Topology(), load_settings(None, {}), ask_broker=asked.set
        )
        scheduler.start()
        assert asked.wait(10)
        assert scheduler.stop(10)


@pytest.fixture
def make_round(pool: ConnectionPool) -> Callable[..., None]:
    """One round of a scheduler of its own, as if its process had just started."""

    def make(publisher: RecordingPublisher, **variables: str) -> None:
        settings = load_settings(None, {"MAILROOM_NDR__DELAY_START": "0s", **variables})
        with pool.connection() as connection:
            Scheduler(pool, publisher, Topology(), settings).make_round(connection)
            connection.autocommit = False

    return make


def add(connection: psycopg.Connection[Any], name: str, **columns: object) -> None:
    values = {
        "every": timedelta(minutes=1),
        "starts_at": datetime.now(UTC),
        "args": '{"reports": ["no-send-servers"]}',
        **columns,
    }
    connection.execute(
        "INSERT INTO mailroom.schedule (name, every, crontab, starts_at, args, one_off, catch_up)"
        " VALUES (%(name)s, %(every)s, %(crontab)s, %(starts_at)s, %(args)s, %(one_off)s, %(catch_up)s)",
        {"name": name, "crontab": None, "one_off": False, "catch_up": "latest", **values},
    )
    connection.execute("UPDATE mailroom.schedule SET enabled_at = '2020-01-01'")


def runs(publisher: RecordingPublisher) -> list[ReportRun]:
    return [ReportRun.decode(m.type, m.body) for m in publisher.published if m.type == ReportRun.TYPE]


def polls(publisher: RecordingPublisher) -> list[BouncesPoll]:
    return [BouncesPoll.decode(m.type, m.body) for m in publisher.published if m.type == BouncesPoll.TYPE]


def test_a_due_schedule_publishes_its_reports_and_its_runs_are_in_the_ledger_first(
    connection: psycopg.Connection[Any], make_round: Callable[..., None]
) -> None:
    add(connection, "both", args='{"reports": ["events-by-site", "failed-events-by-site"]}')
    publisher = RecordingPublisher()
    make_round(publisher)
    assert [run.report for run in runs(publisher)] == ["events-by-site", "failed-events-by-site"]
    ledger = connection.execute("SELECT run_id::text, state FROM mailroom.report_run").fetchall()
    assert {run_id for run_id, _ in ledger} == {run.run_id for run in runs(publisher)}
    make_round(publisher)
    assert len(runs(publisher)) == 2, "the next nominal time is a minute away"


def test_six_schedulers_at_once_fire_every_nominal_time_once(
    connection: psycopg.Connection[Any], make_round: Callable[..., None]
) -> None:
    start = datetime.now(UTC) - timedelta(minutes=20, seconds=30)
    for number in range(20):
        add(connection, f"s{number}", starts_at=start, catch_up="all")
    publishers = [RecordingPublisher() for _ in range(6)]
    threads = [threading.Thread(target=make_round, args=(publisher,)) for publisher in publishers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    published = Counter(run.run_id for publisher in publishers for run in runs(publisher))
    assert len(published) == 20 * 21
    assert set(published.values()) == {1}
    assert sum(len(polls(publisher)) for publisher in publishers) == 1


def test_a_firing_whose_scheduler_died_before_publishing_is_published_by_another_with_the_same_id(
    connection: psycopg.Connection[Any], make_round: Callable[..., None]
) -> None:
    add(connection, "s")
    refused: list[Outgoing] = []
    dying = RecordingPublisher(lambda message: refused.append(message) or True)  # type: ignore[func-returns-value]
    make_round(dying)
    publisher = RecordingPublisher()
    make_round(publisher)
    assert runs(publisher) == [], "it may still be publishing"
    make_round(publisher, MAILROOM_SCHEDULER__REPUBLISH_AFTER="0s")
    assert [run.run_id for run in runs(publisher)] == [
        message.message_id for message in refused if message.type == ReportRun.TYPE
    ]
    make_round(publisher, MAILROOM_SCHEDULER__REPUBLISH_AFTER="0s")
    assert len(runs(publisher)) == 1


def test_a_disabled_schedule_publishes_nothing(
    connection: psycopg.Connection[Any], make_round: Callable[..., None]
) -> None:
    add(connection, "s")
    connection.execute("UPDATE mailroom.schedule SET enabled = false")
    publisher = RecordingPublisher()
    make_round(publisher)
    assert runs(publisher) == []


def test_enabling_a_schedule_does_not_fire_what_it_missed(
    connection: psycopg.Connection[Any], make_round: Callable[..., None]
) -> None:
    add(connection, "s", starts_at=datetime.now(UTC) - timedelta(minutes=10, seconds=30))
    connection.execute("UPDATE mailroom.schedule SET enabled = false")
    connection.execute("UPDATE mailroom.schedule SET enabled = true")
    publisher = RecordingPublisher()
    make_round(publisher)
    assert runs(publisher) == []


@pytest.mark.parametrize(
    ("change", "fires"),
    [
        pytest.param("UPDATE mailroom.schedule SET every = '10 minutes'", True, id="another interval"),
        pytest.param(
            "UPDATE mailroom.schedule SET every = NULL, crontab = '* * * * *'", True, id="a crontab instead"
        ),
        pytest.param(
            "UPDATE mailroom.schedule SET starts_at = now() - interval '1 hour'", True, id="another start"
        ),
        pytest.param("UPDATE mailroom.schedule SET description = 'rare'", False, id="words"),
        pytest.param("UPDATE mailroom.schedule SET enabled = false", False, id="disabled"),
        pytest.param("DELETE FROM mailroom.schedule", False, id="deleted"),
    ],
)
def test_a_change_is_seen_by_a_running_scheduler_in_its_next_round(
    connection: psycopg.Connection[Any], pool: ConnectionPool, change: str, *, fires: bool
) -> None:
    add(connection, "s", every=timedelta(days=1), starts_at=datetime.now(UTC) - timedelta(minutes=90))
    publisher = RecordingPublisher()
    settings = load_settings(None, {"MAILROOM_NDR__DELAY_START": "1h"})
    scheduler = Scheduler(pool, publisher, Topology(), settings)
    with pool.connection() as its_own:
        for _ in range(2):
            scheduler.make_round(its_own)
        assert len(runs(publisher)) == 1, "the start"
        connection.execute(change)
        scheduler.make_round(its_own)
        assert len(runs(publisher)) == 1 + fires
        its_own.autocommit = False


def test_a_schedule_enabled_again_under_a_running_scheduler_waits_for_its_next_time(
    connection: psycopg.Connection[Any], pool: ConnectionPool
) -> None:
    now = datetime.now(UTC)
    add(connection, "s", every=timedelta(minutes=2), starts_at=now)
    publisher = RecordingPublisher()
    settings = load_settings(None, {"MAILROOM_NDR__DELAY_START": "1h"})
    scheduler = Scheduler(pool, publisher, Topology(), settings, lambda _: now)
    with pool.connection() as its_own:
        scheduler.make_round(its_own)
        connection.execute("UPDATE mailroom.schedule SET enabled = false")
        now += timedelta(minutes=5)
        scheduler.make_round(its_own)
        connection.execute("UPDATE mailroom.schedule SET enabled = true")
        connection.execute("UPDATE mailroom.schedule SET enabled_at = %s", (now,))
        scheduler.make_round(its_own)
        assert len(runs(publisher)) == 1, "what it missed meanwhile does not count"
        now += timedelta(minutes=1)
        scheduler.make_round(its_own)
        assert len(runs(publisher)) == 2
        its_own.autocommit = False


def test_every_scheduler_tells_when_a_schedule_last_succeeded_also_one_that_has_just_started(
    connection: psycopg.Connection[Any], make_round: Callable[..., None]
) -> None:
    add(connection, "seen by all")
    make_round(RecordingPublisher())
    ((published_at,),) = connection.execute(
        "SELECT extract(epoch FROM published_at)::float FROM mailroom.firing"
    ).fetchall()
    SCHEDULE_LAST_SUCCESS.clear()
    make_round(RecordingPublisher())
    told = REGISTRY.get_sample_value(
        "mailroom_schedule_last_success_timestamp_seconds", {"schedule": "seen by all"}
    )
    assert told == pytest.approx(published_at)


def test_a_one_off_is_disabled_after_it_fired(
    connection: psycopg.Connection[Any], make_round: Callable[..., None]
) -> None:
    add(connection, "s", one_off=True)
    publisher = RecordingPublisher()
    make_round(publisher)
    assert len(runs(publisher)) == 1
    assert connection.execute("SELECT enabled, run_count FROM mailroom.schedule").fetchone() == (False, 1)


def test_a_schedule_that_cannot_be_read_keeps_no_other_waiting(
    connection: psycopg.Connection[Any], make_round: Callable[..., None]
) -> None:
    add(connection, "a-broken-crontab", every=None, crontab="no crontab")
    add(connection, "b-broken-args", args='{"reports": []}')
    add(connection, "c-good")
    publisher = RecordingPublisher()
    make_round(publisher)
    assert len(runs(publisher)) == 1


def test_the_next_poll_starts_when_the_last_chains_pause_is_over(
    connection: psycopg.Connection[Any], make_round: Callable[..., None]
) -> None:
    publisher = RecordingPublisher()
    make_round(publisher)
    make_round(publisher)
    assert len(polls(publisher)) == 1, "the chain is running"
    connection.execute("UPDATE mailroom.bounce_poll SET next_due_at = now() + interval '1 hour'")
    make_round(publisher)
    assert len(polls(publisher)) == 1, "its pause is not over"
    connection.execute("UPDATE mailroom.bounce_poll SET next_due_at = now()")
    make_round(publisher)
    assert len({poll.poll_id for poll in polls(publisher)}) == 2


def test_a_chain_that_went_silent_is_started_again(
    connection: psycopg.Connection[Any], make_round: Callable[..., None]
) -> None:
    publisher = RecordingPublisher()
    make_round(publisher)
    connection.execute("UPDATE mailroom.bounce_poll SET silent_after = now() - interval '1 s'")
    make_round(publisher)
    assert len({poll.poll_id for poll in polls(publisher)}) == 2


def test_no_poll_starts_before_the_start_delay_is_over(
    connection: psycopg.Connection[Any], make_round: Callable[..., None]
) -> None:
    publisher = RecordingPublisher()
    make_round(publisher, MAILROOM_NDR__DELAY_START="1h")
    assert polls(publisher) == []
