"""A relay on a real database, without a broker, that submits to whichever server a test has."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from demo.roles import acting_as
from services.mail_relay.ledger import Ledger, open_ledger_pool
from services.mail_relay.relay import Relay
from services.mail_relay.server import SmtpServer
from services.mail_relay.submission import Submission
from shared.settings.model import RelaySettings
from shared.telemetry.metrics import MAIL_DELIVERIES

MakeRelay = Callable[..., Relay]
Rows = Callable[..., list[dict[str, Any]]]
Counted = Callable[[str], float]


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    with open_ledger_pool(acting_as(database_url, "worker"), size=2) as pool:
        yield pool


@pytest.fixture
def ledger(pool: ConnectionPool) -> Ledger:
    return Ledger(pool, timedelta(minutes=6))


@pytest.fixture
def make_relay(ledger: Ledger) -> Iterator[MakeRelay]:
    """A relay of one connection to the server with this URL; keywords are its settings."""
    made = []

    def make(smtp_url: str, ledger: Ledger = ledger, **settings: Any) -> Relay:
        relay_settings = RelaySettings(**{"smtp_timeout": "5s", **settings})
        submission = Submission(SmtpServer.from_url(smtp_url), "mx1.mailroom.example", relay_settings)
        made.append(Relay(ledger, [submission]))
        return made[-1]

    yield make
    for relay in made:
        relay.close()


@pytest.fixture
def rows(database_url: str) -> Iterator[Rows]:
    """The rows of a statement, each a dictionary."""
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:

        def fetch(statement: Any, *values: object) -> list[dict[str, Any]]:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description is not None else []

        yield fetch


@pytest.fixture
def counted() -> Counted:
    """How much the counter of an outcome has grown since the test began."""
    names = ("delivered", "deferred", "failed", "double-bounce", "repeated", "in-doubt")

    def read(name: str) -> float:
        return float(MAIL_DELIVERIES.labels(name)._value.get())

    before = {name: read(name) for name in names}
    return lambda name: read(name) - before[name]
