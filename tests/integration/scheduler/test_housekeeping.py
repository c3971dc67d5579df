"""What a round of housekeeping removes from a real database, as the worker role, and what it leaves."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from prometheus_client import REGISTRY
from psycopg_pool import ConnectionPool
from structlog.testing import capture_logs

from demo.roles import acting_as
from services.scheduler import housekeeping
from services.scheduler.housekeeper import Housekeeper
from services.scheduler.housekeeping import Housekeeping, Removed
from services.scheduler.retention import Expiry, cutoffs, next_month
from shared.database.statements import load_statements
from shared.settings import load_settings
from tests.integration.waiting import wait_until

pytestmark = pytest.mark.integration
SQL = load_statements("tests.integration.scheduler", "housekeeping.sql")
#: Older than anything is kept, and younger.
OLD, YOUNG = timedelta(days=400), timedelta(days=2)
HOUR = timedelta(hours=1)


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """For what other programs write, and to look at what is left."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute("DELETE FROM mailroom.schedule")
        yield connection


@pytest.fixture
def worker(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(acting_as(database_url, "worker"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def keep_house(worker: psycopg.Connection[Any]) -> Callable[..., Removed]:
    """One round, counted from now."""

    def keep(expiry: Expiry | None = None, **options: Any) -> Removed:
        now = housekeeping.clock(worker)
        old = cutoffs(now, load_settings(None, {}), expiry or housekeeping.expiry(worker))
        return Housekeeping(worker, old, **options).run()

    return keep


class Rows:
    """Rows as services and monitoring leave them, each some time ago."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def __call__(self, name: str, /, **values: object) -> Any:
        row = self._connection.execute(SQL[name], values).fetchone()
        return row and row[0]

    def delivery(
        self, mail_id: str, recipient: str, state: str, ago: timedelta, *, finished: bool = True
    ) -> None:
        self("add_delivery", mail_id=mail_id, recipient=recipient, state=state, ago=ago, finished=finished)

    def run(self, state: str, ago: timedelta, parent: UUID | None = None, mail_id: str | None = None) -> UUID:
        run_id = uuid4()
        self("add_run", run_id=run_id, state=state, ago=ago, parent=parent, mail_id=mail_id)
        return run_id

    def event(self, at: datetime) -> UUID:
        uuid: UUID = self("add_event", at=at)
        self("add_message", event=uuid)
        return uuid

    def left(self, table: str, column: str) -> set[Any]:
        found = self._connection.execute(f"SELECT {column} FROM mailroom.{table}").fetchall()
        return {row if len(row) > 1 else row[0] for row in found}


@pytest.fixture
def rows(owner: psycopg.Connection[Any]) -> Rows:
    owner.execute("INSERT INTO mailroom.bot (host_name) VALUES ('bot1')")
    return Rows(owner)


def month_ago(months: int) -> datetime:
    """The middle of the month so many months before this one."""
    year, index = divmod(datetime.now(UTC).year * 12 + datetime.now(UTC).month - 1 - months, 12)
    return datetime(year, index + 1, 15, tzinfo=UTC)


def first_of(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def partitions(owner: psycopg.Connection[Any]) -> set[str]:
    return {name for (name,) in owner.execute(SQL["partitions"])}


def partition_of(moment: datetime) -> str:
    return f"bot_event_{moment:%Y_%m}"


def test_deliveries_go_when_all_recipients_of_their_mail_are_finished(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    rows.delivery("ndr.done", "a@example.com", "delivered", OLD)
    rows.delivery("ndr.done", "b@example.com", "failed", OLD)
    rows.delivery("ndr.settled", "a@example.com", "held", OLD)
    for mail_id, state, ago, finished in (
        ("ndr.young", "delivered", YOUNG, True),
        ("ndr.open", "attempting", OLD, False),
        ("ndr.waits", "deferred", OLD, False),
        ("ndr.doubt", "held", OLD, False),
    ):
        rows.delivery(mail_id, "a@example.com", state, ago, finished=finished)
        rows.delivery(mail_id, "b@example.com", "delivered", OLD)

    assert keep_house().rows["mail_delivery"] == 3
    assert rows.left("mail_delivery", "mail_id") == {"ndr.young", "ndr.open", "ndr.waits", "ndr.doubt"}
    assert keep_house().rows["mail_delivery"] == 0


def test_the_delivery_of_what_a_worker_might_make_again_stays(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    ndr, digest, late = uuid4(), uuid4(), uuid4()
    rows("add_entry", status="bounced", ndr_id=ndr, ago=OLD)
    rows("add_held", entry_id=90, digest_id=digest, ago=OLD, digested=False)
    rows("add_delay_notice", entry_id=91, ndr_id=late, ago=OLD)
    run = rows.run("running", OLD)
    kept = {f"ndr.{ndr}", f"ndr.{ndr}.0a1b2c3d", f"digest.{digest}", f"ndr.{late}", f"report.{run}"}
    for mail_id in (*kept, f"ndr.{uuid4()}"):
        rows.delivery(mail_id, "a@example.com", "delivered", OLD)

    assert keep_house().rows["mail_delivery"] == 1
    assert rows.left("mail_delivery", "mail_id") == kept


def test_the_audit_of_an_entry_stays_while_anybody_has_work_with_it(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    queued = rows("add_entry", status="deferred", ndr_id=None, ago=OLD)
    quarantined = rows("add_quarantined", ago=OLD)
    rows("add_held", entry_id=1001, digest_id=None, ago=OLD, digested=False)
    rows("add_held", entry_id=1002, digest_id=uuid4(), ago=OLD, digested=True)
    for entry_id in (queued, quarantined, 1001, 1002, 1003):
        rows("add_audit", entry_id=entry_id, ago=OLD)
    rows("add_audit", entry_id=1004, ago=YOUNG)

    assert keep_house().rows["bounce_audit"] == 2
    assert rows.left("bounce_audit", "entry_id") == {queued, quarantined, 1001, 1004}


def test_runs_go_when_they_their_mail_and_all_they_fanned_out_into_are_finished(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    rows.delivery("report.held", "a@example.com", "held", OLD, finished=False)
    done = rows.run("fanned-out", OLD)
    for state in ("sent", "empty", "failed", "skipped"):
        rows.run(state, OLD, parent=done)
    parent_of_open, parent_of_young = rows.run("fanned-out", OLD), rows.run("fanned-out", OLD)
    kept = {
        parent_of_open,
        parent_of_young,
        rows.run("running", OLD, parent=parent_of_open),
        rows.run("sent", YOUNG, parent=parent_of_young),
        rows.run("scheduled", OLD),
        rows.run("sent", OLD, mail_id="report.held"),
    }
    rows.run("sent", OLD, parent=parent_of_open)

    assert keep_house(batch=3).rows["report_run"] == 6
    assert rows.left("report_run", "run_id") == kept


def test_firings_go_but_the_latest_of_each_schedule_and_those_not_published(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    for name in ("yearly", "daily"):
        rows("add_schedule", name=name)
    for name, ago, published in (
        ("yearly", OLD * 2, True),
        ("yearly", OLD, True),
        ("daily", OLD * 3, True),
        ("daily", OLD * 2, False),
        ("daily", OLD, True),
        ("daily", YOUNG, True),
    ):
        rows("add_firing", schedule=name, ago=ago, published=published)

    assert keep_house().rows["firing"] == 3
    assert rows.left("firing", "schedule, published_at IS NULL") == {
        ("yearly", False),
        ("daily", True),
        ("daily", False),
    }


def test_bodies_go_when_nobody_will_fetch_them(rows: Rows, keep_house: Callable[..., Removed]) -> None:
    run = rows.run("running", OLD)
    for mail_id, ago in (
        ("report.gone", OLD),
        ("report.delivered", OLD),
        ("report.deferred", OLD),
        (f"report.{run}", OLD),
        ("report.young", YOUNG),
    ):
        rows("add_body", mail_id=mail_id, ago=ago)
    rows.delivery("report.delivered", "a@example.com", "delivered", OLD)
    rows.delivery("report.deferred", "a@example.com", "deferred", OLD, finished=False)

    assert keep_house().rows["mail_body"] == 2
    assert rows.left("mail_body", "mail_id") == {"report.deferred", f"report.{run}", "report.young"}


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


def test_nobody_can_remove_what_was_audited_within_a_day(rows: Rows, worker: psycopg.Connection[Any]) -> None:
    rows("add_audit", entry_id=1, ago=OLD)
    rows("add_audit", entry_id=2, ago=timedelta(hours=23))
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="for a day at least"):
        worker.execute("DELETE FROM mailroom.bounce_audit")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        worker.execute("TRUNCATE mailroom.bounce_audit")
    assert rows.left("bounce_audit", "entry_id") == {1, 2}


@pytest.mark.parametrize("role", ["reports", "console"])
def test_no_other_role_can_drop_a_month(database_url: str, role: str) -> None:
    with psycopg.connect(acting_as(database_url, role), autocommit=True) as connection:
        for call in ("drop_event_partition('2020-01-01')", "prepare_event_partitions()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT mailroom.{call}")


def test_a_round_cut_off_in_the_middle_is_gone_on_with(
    rows: Rows, keep_house: Callable[..., Removed]
) -> None:
    for entry_id in range(20):
        rows("add_audit", entry_id=5000 + entry_id, ago=OLD)
    batches = iter((False, False, True))

    cut = keep_house(batch=6, stopping=lambda: next(batches, True))
    assert (cut.whole, cut.rows["bounce_audit"]) == (False, 12)
    whole = keep_house(batch=6)
    assert (whole.whole, whole.rows["bounce_audit"]) == (True, 8)


def test_a_preview_counts_what_a_round_removes_and_changes_nothing(
    owner: psycopg.Connection[Any], worker: psycopg.Connection[Any], rows: Rows
) -> None:
    old = month_ago(14)
    owner.execute("SELECT mailroom.ensure_event_partitions(%s, %s)", (old, old))
    rows.event(old)
    rows.event(month_ago(30))
    rows("add_audit", entry_id=7000, ago=OLD)
    rows.delivery("ndr.done", "a@example.com", "delivered", OLD)
    parent = rows.run("fanned-out", OLD)
    rows.run("sent", OLD, parent=parent)
    work = Housekeeping(
        worker, cutoffs(housekeeping.clock(worker), load_settings(None, {}), housekeeping.expiry(worker))
    )

    before = work.preview()
    assert work.preview() == before
    removed = work.run()
    assert (removed.expired, removed.months_dropped) == (before.expired, before.months_dropped)
    assert removed.rows == +before.rows
    assert removed.rows.total() == 8


def test_of_many_schedulers_one_makes_the_round_and_all_tell_when_it_was_made(
    owner: psycopg.Connection[Any], rows: Rows, database_url: str
) -> None:
    for entry_id in range(50):
        rows("add_audit", entry_id=entry_id, ago=OLD)
    owner.execute("UPDATE mailroom.housekeeping SET claimed_at = now() - interval '2 hours'")
    made: list[bool] = []
    with ConnectionPool(acting_as(database_url, "worker"), min_size=4, max_size=4, open=True) as pool:

        def look() -> None:
            with pool.connection() as connection:
                connection.autocommit = True
                made.append(Housekeeper(pool, load_settings(None, {})).look(connection))

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    assert sorted(made) == [False, False, False, True]
    assert rows.left("bounce_audit", "entry_id") == set()
    finished = owner.execute(
        "SELECT extract(epoch FROM finished_at)::float FROM mailroom.housekeeping"
    ).fetchone()
    gauge = REGISTRY.get_sample_value("mailroom_retention_last_success_timestamp_seconds")
    assert finished == (pytest.approx(gauge),)


def test_a_clock_that_has_leapt_a_year_ahead_removes_nothing_that_is_not_old(
    owner: psycopg.Connection[Any], rows: Rows, worker: psycopg.Connection[Any]
) -> None:
    owner.execute(
        "UPDATE mailroom.housekeeping"
        " SET claimed_at = now() - interval '365 days', horizon = now() - interval '365 days'"
    )
    horizon = housekeeping.claim(worker, HOUR)
    assert horizon is not None
    assert timedelta(days=364) < housekeeping.clock(worker) - horizon < timedelta(days=365)
    assert housekeeping.claim(worker, HOUR) is None


def test_a_running_housekeeper_makes_its_rounds_counts_them_and_stops_between_two_batches(
    owner: psycopg.Connection[Any], rows: Rows, database_url: str
) -> None:
    owner.execute("UPDATE mailroom.housekeeping SET claimed_at = now() - interval '1 day'")
    rows("add_audit", entry_id=1, ago=OLD)
    counted = {"table": "bounce_audit"}
    before = REGISTRY.get_sample_value("mailroom_rows_pruned_total", counted) or 0
    settings = load_settings(None, {"MAILROOM_RETENTION__INTERVAL": "100ms"})
    with ConnectionPool(acting_as(database_url, "worker"), min_size=1, open=True) as pool:
        housekeeper = Housekeeper(pool, settings)
        housekeeper.start()
        wait_until(lambda: not rows.left("bounce_audit", "entry_id"))
        rows("add_audit", entry_id=2, ago=OLD)
        wait_until(lambda: not rows.left("bounce_audit", "entry_id"))
        assert housekeeper.stop(10)
    assert REGISTRY.get_sample_value("mailroom_rows_pruned_total", counted) == before + 2


def test_a_round_that_fails_for_whatever_reason_is_told_of_and_not_the_last(
    owner: psycopg.Connection[Any], rows: Rows, database_url: str
) -> None:
    owner.execute("UPDATE mailroom.housekeeping SET claimed_at = now() - interval '1 day'")
    owner.execute("DELETE FROM mailroom.housekeeping")
    rows("add_audit", entry_id=1, ago=OLD)
    settings = load_settings(None, {"MAILROOM_RETENTION__INTERVAL": "100ms"})
    with (
        ConnectionPool(acting_as(database_url, "worker"), min_size=1, open=True) as pool,
        capture_logs() as lines,
    ):
        housekeeper = Housekeeper(pool, settings)
        housekeeper.start()
        wait_until(lambda: any(line["action"] == "housekeeping-failed" for line in lines))
        owner.execute("INSERT INTO mailroom.housekeeping (claimed_at) VALUES (now() - interval '1 day')")
        wait_until(lambda: not rows.left("bounce_audit", "entry_id"))
        assert housekeeper.stop(10)


def test_with_interval_0_nothing_is_ever_started(database_url: str) -> None:
    settings = load_settings(None, {"MAILROOM_RETENTION__INTERVAL": "0"})
    with ConnectionPool(acting_as(database_url, "worker"), min_size=1, open=True) as pool:
        housekeeper = Housekeeper(pool, settings)
        housekeeper.start()
        assert housekeeper.stop(1)
