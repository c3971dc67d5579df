"""The whole house under test: database, broker, catcher and service processes, and what to ask of them."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from demo.catcher import Catcher
from demo.fleet import Fleet
from demo.servers.rabbitmq import Broker
from shared.broker import Topology
from shared.settings import load_settings
from tests.servers import delete_declared, environment

#: Short waits, so that what a death leaves behind is taken up within the test's time.
IMPATIENT = {
    "MAILROOM_NDR__DELAY_START": "0s",
    "MAILROOM_NDR__INTERVAL_LOW": "200ms",
    "MAILROOM_NDR__INTERVAL_HIGH": "1s",
    "MAILROOM_NDR__INTERVAL_ERROR": "1s",
    "MAILROOM_NDR__LEASE": "8s",
    "MAILROOM_NDR__CHAIN_LEASE": "5s",
    "MAILROOM_REPORTS__LEASE": "8s",
    "MAILROOM_RELAY__ATTEMPT_LEASE": "4s",
    "MAILROOM_RELAY__RETRY_AFTER": "1s | 2s",
    "MAILROOM_RELAY__TIMEOUTS__FINAL": "20s",
    "MAILROOM_BROKER__RETRY_STEPS": "1s | 2s",
    "MAILROOM_SCHEDULER__REPUBLISH_AFTER": "3s",
}


_MESSAGE_ID = re.compile(rb"^Message-ID: <([^@>]+)@", re.MULTILINE)


@dataclass(frozen=True)
class House:
    """Everything running, and the questions a test asks."""

    connection: psycopg.Connection[Any]
    catcher: Catcher
    fleet: Fleet
    broker: Broker

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement).fetchall()

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM mailroom.{table}")[0][0])

    def caught_ids(self) -> Counter[str]:
        """Message-IDs at the sink, and how often each came."""
        return Counter(message_id(mail.content) for mail in self.catcher.messages)

    def in_doubt(self) -> set[str]:
        """Mail ids whose ledger declares that an attempt ended without anybody knowing the result."""
        return {
            mail_id
            for (mail_id,) in self.rows("SELECT mail_id FROM mailroom.mail_delivery WHERE in_doubt > 0")
        }

    def schedule_reports_now(self) -> None:
        self.connection.execute(
            "UPDATE mailroom.schedule SET crontab = NULL, every = interval '1 day', starts_at = now()"
        )


def message_id(content: bytes) -> str:
    """The Message-ID without its brackets and host: the mail id."""
    match = _MESSAGE_ID.search(content)
    assert match, content[:500]
    return match[1].decode()


@contextmanager
def house(
    database_url: str, broker: Broker, variables: Mapping[str, str] = IMPATIENT, **catcher: Any
) -> Iterator[House]:
    """Have a house without services; `start` some in its fleet."""
    with (
        Catcher(**catcher) as sink,
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        environ = environment(database_url, broker, MAILROOM_SMTP_URL=sink.smtp_url, **variables)
        with Fleet(environ) as fleet:
            yield House(connection, sink, fleet, broker)
        delete_declared(
            broker.amqp_url, Topology(broker.prefix, load_settings(None, environ).broker.retry_steps)
        )
