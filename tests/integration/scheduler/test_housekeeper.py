"""The housekeeper: who makes a round, when, and what it tells of it."""

import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from prometheus_client import REGISTRY
from psycopg_pool import ConnectionPool
from structlog.testing import capture_logs

from demo.roles import acting_as
from services.scheduler import housekeeping
from services.scheduler.housekeeper import Housekeeper
from shared.settings import load_settings
from tests.integration.scheduler.rows import HOUR, OLD, Rows
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


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
