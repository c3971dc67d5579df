"""A backlog of 20,000 bounces (fewer in CI), two or three of every service: one NDR for each message."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from demo.arrivals import expected
from demo.fleet import ServiceProcess
from demo.servers.rabbitmq import Broker
from services.console.sample_data.load import load_backlog, load_sample
from services.mail_relay.__main__ import THREADS_PER_CONNECTION
from shared.settings.relay import RelaySettings
from tests.acceptance.house import House, house
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
ENTRIES = 6_000 if os.environ.get("CI") else 20_000
REPLICAS = {"scheduler": 2, "ndr_worker": 3, "report_worker": 2, "mail_relay": 2}


@contextmanager
def backlog(database_url: str, broker: Broker, entries: int) -> Iterator[tuple[House, int]]:
    """A house with the sample's estate and a backlog, its reports due, every service running.

    Yields the house and how many mails are to arrive: NDRs and reports.
    """
    with house(database_url, broker) as home:
        now = datetime.now(UTC)
        load_sample(home.connection, seed=1, scale=1, now=now)
        load_backlog(home.connection, entries, seed=1, now=now)
        home.schedule_reports_now()
        wanted = expected(home.connection)
        for name, replicas in REPLICAS.items():
            for _ in range(replicas):
                home.fleet.start(name)
        home.fleet.wait_ready()
        yield home, wanted.ndrs + wanted.reports.total()


def wait_for_all(home: House, total: int, timeout: float = 240) -> None:
    """Wait until as many different mails as wanted are at the sink and nothing more is under way."""
    wait_until(
        lambda: len(home.catcher.messages) >= total and len(home.caught_ids()) >= total and settled(home),
        timeout,
        lambda: f"{len(home.caught_ids())} of {total} mails; queue {home.rows(OPEN_WORK)}",
    )


OPEN_WORK = """
SELECT (SELECT count(*) FROM mailroom.queue_entry WHERE status = 'bounced'),
       (SELECT count(*) FROM mailroom.mail_delivery WHERE state <> 'delivered'),
       (SELECT count(*) FROM mailroom.report_run WHERE state IN ('scheduled', 'running')),
       (SELECT count(*) FROM mailroom.firing WHERE published_at IS NULL)
"""


def settled(home: House) -> bool:
    return home.rows(OPEN_WORK) == [(0, 0, 0, 0)]


def assert_nothing_lost(home: House, total: int) -> None:
    assert len(home.caught_ids()) == total
    reported = home.rows(
        "SELECT count(DISTINCT ndr_id), count(DISTINCT message_id) FROM mailroom.bounce_audit"
        " WHERE action = 'reported'"
    )
    assert reported[0][0] == reported[0][1], "an NDR for each message, and one message for each NDR"
    assert home.count("bounce_quarantine") == 0
    assert home.rows("SELECT count(*) FROM mailroom.queue_entry WHERE leased_until IS NOT NULL") == [(0,)]


def repeated(home: House) -> set[str]:
    return {mail_id for mail_id, times in home.caught_ids().items() if times > 1}


def test_every_message_of_a_backlog_gets_exactly_one_ndr(database_url: str, broker: Broker) -> None:
    with backlog(database_url, broker, ENTRIES) as (home, total):
        wait_for_all(home, total)
        assert_nothing_lost(home, total)
        assert repeated(home) == set()
        assert len(home.catcher.messages) == total


def test_killing_each_process_in_turn_loses_nothing_and_repeats_nothing_beyond_the_declared_doubt(
    database_url: str, broker: Broker
) -> None:
    with backlog(database_url, broker, ENTRIES) as (home, total):
        victims = list(home.fleet.processes)
        for number, victim in enumerate(victims, start=1):
            wait_for_progress(home, total * number // (len(victims) + 2))
            victim.kill()
            home.fleet.replace(victim)
        wait_for_all(home, total)
        assert_nothing_lost(home, total)
        assert repeated(home) <= home.in_doubt(), (
            "what came twice must be declared in doubt by its ledger row"
        )
        in_hand = REPLICAS["mail_relay"] * RelaySettings().connections * THREADS_PER_CONNECTION
        assert len(home.in_doubt()) <= in_hand, "only what the killed relays had in hand"


def test_sigterm_in_mid_work_drains_with_exit_0_and_loses_and_repeats_nothing(
    database_url: str, broker: Broker
) -> None:
    with backlog(database_url, broker, 6_000) as (home, total):
        victims: list[ServiceProcess] = list(home.fleet.processes)
        for number, victim in enumerate(victims, start=1):
            wait_for_progress(home, total * number // (len(victims) + 2))
            assert victim.terminate(35) == 0, victim.tail()
            home.fleet.replace(victim)
        wait_for_all(home, total)
        assert_nothing_lost(home, total)
        assert repeated(home) == set()
        assert home.in_doubt() == set()


def wait_for_progress(home: House, mails: int) -> None:
    """Wait until so many mails have arrived: what is killed then is in mid-work."""
    wait_until(
        lambda: len(home.catcher.messages) >= mails, 120, lambda: f"{len(home.catcher.messages)} mails"
    )
