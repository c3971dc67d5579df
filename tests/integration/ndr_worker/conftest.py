"""A bounce queue and workers on it."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from demo.roles import acting_as
from services.ndr_worker.batch import BatchHandler
from services.ndr_worker.high_water import HighWaterMark
from shared.broker import Topology
from shared.broker.events import Events
from tests.doubles.publisher import RecordingPublisher
from tests.integration.ndr_worker.harness import Handler, Queue, settings


@pytest.fixture
def queue(database_url: str) -> Iterator[Queue]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield Queue(connection)


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(acting_as(database_url, "worker"), min_size=1, max_size=8, open=True) as pool:
        yield pool


@pytest.fixture
def make_handler(pool: ConnectionPool) -> Handler:
    def make(
        publisher: RecordingPublisher, mail_out: HighWaterMark | None = None, **variables: str
    ) -> BatchHandler:
        chosen = settings(**variables)
        events = Events.of(chosen, publisher)
        return BatchHandler(pool, publisher, Topology(), chosen, mail_out=mail_out, events=events)

    return make
