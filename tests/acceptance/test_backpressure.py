"""A mail server that is away for a minute, under load: the house holds still, and holds little in memory."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.arrivals import expected
from demo.servers.rabbitmq import Broker
from services.console.sample_data.load import load_backlog, load_sample
from shared.broker import MAIL_OUT, Topology
from shared.broker.publisher import Publisher
from tests.acceptance.house import IMPATIENT, House, house
from tests.acceptance.test_backlog import assert_nothing_lost, repeated, wait_for_all
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
ENTRIES = 4_000
#: Seconds that the mail server is away.
AWAY = 60
#: Mails; past it, no bounces are claimed.
HIGH_WATER = 1_000
#: Octets by which a process may grow meanwhile.
GROWTH = 50 * 1000**2
REPLICAS = {"scheduler": 1, "ndr_worker": 2, "report_worker": 1, "mail_relay": 2}
_PAGE = os.sysconf("SC_PAGE_SIZE")


def test_with_mail_out_full_and_the_mail_server_away_no_process_grows_and_all_is_delivered_afterwards(
    database_url: str, broker: Broker
) -> None:
    with house(
        database_url, broker, IMPATIENT | {"MAILROOM_NDR__MAIL_OUT_HIGH_WATER": str(HIGH_WATER)}
    ) as home:
        load_sample(home.connection, seed=1, scale=1, now=datetime.now(UTC))
        load_backlog(home.connection, ENTRIES, seed=1, now=datetime.now(UTC))
        home.schedule_reports_now()
        wanted = expected(home.connection)
        total = wanted.ndrs + wanted.reports.total()
        for name, replicas in REPLICAS.items():
            for _ in range(replicas):
                home.fleet.start(name)
        wait_until(lambda: len(home.catcher.messages) > 500, 60)
        with mail_server_away(home):
            grown, most_ready = watch(home, AWAY)
        assert all(octets < GROWTH for octets in grown.values()), grown
        # what is claimed already may pass the mark: each worker's threads have a batch in hand
        assert HIGH_WATER < most_ready < HIGH_WATER + REPLICAS["ndr_worker"] * 2 * 2 * 100
        assert home.count("queue_entry") > ENTRIES / 4, "the rest waited in the bounce queue"
        wait_for_all(home, total)
        assert_nothing_lost(home, total)
        assert repeated(home) <= home.in_doubt()
        for service in home.fleet.processes:
            assert "mailroom_parked_total{" not in service.metrics()


@contextmanager
def mail_server_away(home: House) -> Iterator[None]:
    home.catcher.stop()
    try:
        yield
    finally:
        home.catcher.start()


def watch(home: House, seconds: float) -> tuple[Mapping[str, int], int]:
    """Sample memory and mail-out; returns by how much each process grew, and the most mails on mail-out."""
    before = {service.log.stem: resident(service.process.pid) for service in home.fleet.processes}
    most = dict(before)
    publisher = Publisher([home.broker.amqp_url], "test", Topology(home.broker.prefix))
    depths = []
    until = time.monotonic() + seconds

    def sample() -> bool:
        for service in home.fleet.processes:
            assert service.process.poll() is None, service.tail()
            most[service.log.stem] = max(most[service.log.stem], resident(service.process.pid))
        depths.append(publisher.depth(f"{home.broker.prefix}.{MAIL_OUT}") or 0)
        return time.monotonic() > until

    publisher.start()
    try:
        wait_until(sample, seconds + 10)
    finally:
        publisher.stop()
    return {name: most[name] - octets for name, octets in before.items()}, max(depths)


def resident(pid: int) -> int:
    """Octets of a process in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
