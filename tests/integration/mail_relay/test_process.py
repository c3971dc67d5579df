import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from demo.catcher import Catcher
from demo.servers.rabbitmq import Broker
from shared.broker import Topology
from shared.broker.message import Outcome
from shared.broker.publisher import Publisher
from tests.integration.mail_relay.conftest import Rows
from tests.servers import environment
from tests.unit.mail_relay.mails import mail

pytestmark = pytest.mark.integration

StartRelay = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def start_relay(database_url: str, broker: Broker, tmp_path: Path) -> Iterator[StartRelay]:
    """Starts the relay's process with this SMTP URL; its retry ladder is a quick one."""
    processes = []

    def start(smtp_url: str) -> subprocess.Popen[bytes]:
        variables = environment(
            database_url,
            broker,
            MAILROOM_SMTP_URL=smtp_url,
            MAILROOM_BROKER__RETRY_STEPS="200ms",
            MAILROOM_RELAY__RETRY_AFTER="200ms",
        )
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.mail_relay"], env={**os.environ, **variables}, stderr=log
            )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def publisher(broker: Broker) -> Iterator[Publisher]:
    """Declares the ladder that the process declares."""
    topology = Topology(broker.prefix, [timedelta(milliseconds=200)])
    publisher = Publisher([broker.amqp_url], "test", topology, timeout=20)
    publisher.start()
    yield publisher
    publisher.stop()


def test_the_process_delivers_retries_and_drains(
    start_relay: StartRelay, publisher: Publisher, broker: Broker, rows: Rows
) -> None:
    busy = iter(["451 4.3.0 busy"])
    with Catcher(answer=lambda _, rcpt: next(busy, None) if rcpt == "bob@example.org" else None) as catcher:
        process = start_relay(catcher.smtp_url)
        mails = [mail(mail_id=f"mail-{number}") for number in range(20)]
        mails += [mails[0], mail(mail_id="mail-bob", rcpt_to=("ann@example.org", "bob@example.org"))]
        outcomes = publisher.publish([Topology(broker.prefix).address(message) for message in mails])
        assert set(outcomes) == {Outcome.CONFIRMED}
        caught = catcher.wait_for(
            lambda mails: any("bob@example.org" in found.rcpt_tos for found in mails) and len(mails) == 22,
            timeout=60,
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert sum("ann@example.org" in found.rcpt_tos for found in caught) == 21
    assert rows("SELECT state, count(*) FROM mailroom.mail_delivery GROUP BY state") == [
        {"state": "delivered", "count": 22}
    ]
