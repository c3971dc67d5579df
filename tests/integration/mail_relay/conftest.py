"""A relay on a real database, without a broker, that submits to whichever server a test has."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from demo.roles import acting_as
from services.mail_relay.database import open_pool
from services.mail_relay.ledger import Ledger
from services.mail_relay.limits import Limits
from services.mail_relay.relay import Relay
from services.mail_relay.server import SmtpServer
from services.mail_relay.submission import Submission
from shared.broker.events import Events
from shared.settings.relay import RelaySettings, TimeoutSettings
from shared.telemetry.metrics import MAIL_DELIVERIES

MakeRelay = Callable[..., Relay]
Rows = Callable[..., list[dict[str, Any]]]
Counted = Callable[[str], float]

#: Nothing is waited for longer than a test may take.
TIMEOUTS = TimeoutSettings.model_validate(dict.fromkeys(TimeoutSettings.model_fields, "5s"))


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    with open_pool(acting_as(database_url, "worker"), size=4) as pool:
        yield pool


@pytest.fixture
def ledger(pool: ConnectionPool) -> Ledger:
    return Ledger(pool, timedelta(minutes=6))


def relay_of(
    pool: ConnectionPool,
    smtp_url: str,
    *,
    ledger: Ledger | None = None,
    events: Events | None = None,
    connections: int = 1,
    **settings: Any,
) -> Relay:
    """A relay to the server with this URL; whoever makes it closes it."""
    relay_settings = RelaySettings(**{"timeouts": TIMEOUTS, "connections": connections, **settings})
    ledger = ledger or Ledger(pool, timedelta(minutes=6))
    server = SmtpServer.from_url(smtp_url)
    return Relay(
        ledger,
        [Submission(server, "mx1.mailroom.example", relay_settings) for _ in range(connections)],
        relay_settings,
        Limits(pool, relay_settings.limits, ledger.lease),
        events or Events.off(),
        patience=1,
    )


@pytest.fixture
def make_relay(pool: ConnectionPool, ledger: Ledger) -> Iterator[MakeRelay]:
    """A relay of one connection to the server with this URL; keywords are its settings."""
    made = []

    def make(smtp_url: str, ledger: Ledger = ledger, **settings: Any) -> Relay:
        made.append(relay_of(pool, smtp_url, ledger=ledger, **settings))
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
    names = ("delivered", "deferred", "failed", "double-bounce", "repeated", "in-doubt", "not-offered")

    def read(name: str) -> float:
        return float(MAIL_DELIVERIES.labels(name)._value.get())

    before = {name: read(name) for name in names}
    return lambda name: read(name) - before[name]
