"""A bounce queue and workers on it."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from demo.roles import acting_as
from services.ndr_worker.batch import BatchHandler
from shared.broker import Topology
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
    def make(publisher: RecordingPublisher, **variables: str) -> BatchHandler:
        return BatchHandler(pool, publisher, Topology(), settings(**variables))

    return make
