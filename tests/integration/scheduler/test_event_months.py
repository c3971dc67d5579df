"""Months of events: made ahead, and dropped when they are old."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from demo.roles import acting_as
from services.scheduler.housekeeping import Removed
from services.scheduler.retention import next_month
from tests.integration.scheduler.rows import HOUR, SQL, Rows, month_ago
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


def first_of(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def partitions(owner: psycopg.Connection[Any]) -> set[str]:
    return {name for (name,) in owner.execute(SQL["partitions"])}


def partition_of(moment: datetime) -> str:
    return f"bot_event_{moment:%Y_%m}"


def test_events_expire_and_whole_old_months_are_dropped_with_their_messages(
    owner: psycopg.Connection[Any], rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    old = month_ago(14)
    owner.execute("SELECT mailroom.ensure_event_partitions(%s, %s)", (old, old))
    for number in range(12):
        rows.event(old + number * HOUR)
    now = datetime.now(UTC)
    expired, fresh = rows.event(now - 37 * HOUR), rows.event(now - HOUR)

    removed = keep_house(batch=5)
    assert removed.months_dropped == [first_of(old)]
    assert (removed.rows["bot_event"], removed.rows["bot_message"]) == (12, 12)
    assert removed.expired == 1
    assert rows.left("bot_event", "uuid, is_expired") == {(expired, True), (fresh, False)}
    assert rows.left("bot_message", "event") == {expired, fresh}
    assert partition_of(old) not in partitions(owner)


def test_old_events_outside_every_month_go_and_the_others_of_the_default_partition_stay(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    for number in range(7):
        rows.event(month_ago(30) + number * HOUR)
    ahead = rows.event(datetime.now(UTC) + timedelta(days=4000))

    removed = keep_house(batch=3)
    assert (removed.rows["bot_event"], removed.rows["bot_message"]) == (7, 7)
    assert rows.left("bot_event_default", "uuid") == rows.left("bot_message", "event") == {ahead}


@pytest.mark.parametrize(
    ("preference", "value"), [("delete_expired", "false"), ("expire_events", "999d"), ("expire_events", "??")]
)
def test_no_event_is_removed_that_operators_want_to_keep(
    owner: psycopg.Connection[Any],
    rows: Rows,
    keep_house: Callable[..., Removed],
    preference: str,
    value: str,
) -> None:
    owner.execute("UPDATE mailroom.preference SET value = %s WHERE name = %s", (value, preference))
    old = month_ago(14)
    owner.execute("SELECT mailroom.ensure_event_partitions(%s, %s)", (old, old))
    event = rows.event(old)

    assert keep_house().rows["bot_event"] == 0
    assert rows.left("bot_event", "uuid, is_expired") == {(event, preference == "delete_expired")}


def test_the_months_ahead_are_made_and_take_their_events_from_the_default_partition(
    owner: psycopg.Connection[Any], rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    this = datetime.now(UTC)
    following = next_month(first_of(this))
    for moment in (this, following, next_month(following)):
        owner.execute(f"DROP TABLE mailroom.{partition_of(moment)}")
    here, soon, far = rows.event(this), rows.event(following), rows.event(this + timedelta(days=4000))
    assert rows.left("bot_event_default", "uuid") == {here, soon, far}

    assert keep_house().months_created == 3
    assert rows.left(partition_of(this), "uuid") == {here}
    assert rows.left(partition_of(following), "uuid") == {soon}
    assert rows.left("bot_event_default", "uuid") == {far}
    assert rows.left("bot_event", "uuid") == {here, soon, far}
    assert keep_house().months_created == 0


def test_two_who_make_the_same_month_at_once_make_it_once(
    owner: psycopg.Connection[Any], database_url: str
) -> None:
    make = "SELECT mailroom.ensure_event_partitions('2020-10-15', '2020-10-15')"
    with psycopg.connect(database_url) as first, ThreadPoolExecutor() as threads:
        assert first.execute(make).fetchone() == (1,)
        second = threads.submit(lambda: owner.execute(make).fetchone())
        wait_until(lambda: waits(first, owner))
        first.commit()
        assert second.result(10) == (0,)


@pytest.mark.usefixtures("rows")
def test_who_adds_an_event_and_who_makes_its_month_do_not_wait_for_each_other_in_a_circle(
    owner: psycopg.Connection[Any], database_url: str
) -> None:
    make = "SELECT mailroom.ensure_event_partitions('2020-10-15', '2020-10-15')"
    with psycopg.connect(database_url) as monitoring, ThreadPoolExecutor() as threads:
        monitoring.execute("UPDATE mailroom.bot SET last_seen = now()")
        making = threads.submit(lambda: owner.execute(make).fetchone())
        wait_until(lambda: waits(monitoring, owner))
        event = Rows(monitoring).event(datetime(2020, 10, 15, tzinfo=UTC))
        monitoring.commit()
        assert making.result(10) == (1,)
    assert Rows(owner).left("bot_event_2020_10", "uuid") == {event}


def waits(observer: psycopg.Connection[Any], other: psycopg.Connection[Any]) -> bool:
    """Whether the other waits for a lock."""
    waiting = observer.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", (other.info.backend_pid,))
    return waiting.fetchone() == (True,)


def test_a_month_has_the_same_bounds_in_every_time_zone(owner: psycopg.Connection[Any]) -> None:
    owner.execute("SET timezone = 'America/Vancouver'")
    owner.execute("SELECT mailroom.ensure_event_partitions('2020-10-15 00:00Z', '2020-11-15 00:00Z')")
    owner.execute("SET timezone = 'UTC'")
    bounds = owner.execute(SQL["bounds"], {"name": "bot_event_2020_11"}).fetchone()
    assert bounds == ("FOR VALUES FROM ('2020-11-01 00:00:00+00') TO ('2020-12-01 00:00:00+00')",)


def test_a_partition_made_ahead_has_every_index_of_the_others(owner: psycopg.Connection[Any]) -> None:
    following = next_month(first_of(datetime.now(UTC)))
    owner.execute(f"DROP TABLE mailroom.{partition_of(following)}")
    owner.execute("SELECT mailroom.prepare_event_partitions()")
    indexes = {
        name: {row for (row,) in owner.execute(SQL["indexes"], {"name": name})}
        for name in (partition_of(following), "bot_event_default")
    }
    assert len(indexes["bot_event_default"]) == 3
    assert indexes[partition_of(following)] == indexes["bot_event_default"]


def test_a_month_in_use_is_left_to_the_next_round_and_the_rest_is_done(
    owner: psycopg.Connection[Any], rows: Rows, keep_house: Callable[..., Removed], database_url: str
) -> None:
    old = month_ago(14)
    owner.execute("SELECT mailroom.ensure_event_partitions(%s, %s)", (old, old))
    rows.event(old)
    rows.event(month_ago(30))
    with psycopg.connect(database_url) as report:
        report.execute("SELECT count(*) FROM mailroom.bot_event")
        removed = keep_house()
    assert (removed.whole, removed.months_dropped, removed.rows["bot_event"]) == (False, [], 1)

    assert keep_house().months_dropped == [first_of(old)]


def test_the_worker_role_can_drop_no_month_that_is_not_over_and_no_other_table(
    worker: psycopg.Connection[Any],
) -> None:
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="events of the last day"):
        worker.execute("SELECT mailroom.drop_event_partition(now())")
    for statement in (
        "DROP TABLE mailroom.bot_event_default",
        "DELETE FROM mailroom.bot_event",
        "UPDATE mailroom.bot_event SET status = 'PASS'",
        "UPDATE mailroom.bounce_audit SET sender = 'x'",
        "DELETE FROM mailroom.schedule",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute(statement)


@pytest.mark.parametrize("role", ["reports", "console"])
def test_no_other_role_can_drop_a_month(database_url: str, role: str) -> None:
    with psycopg.connect(acting_as(database_url, role), autocommit=True) as connection:
        for call in ("drop_event_partition('2020-01-01')", "prepare_event_partitions()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT mailroom.{call}")
