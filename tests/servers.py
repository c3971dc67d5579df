"""Real servers for the tests that need some: a fresh database for each, names of its own on the broker."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pika
import pytest

from demo.roles import acting_as
from demo.servers.postgresql import PostgresqlServer, find_postgresql
from demo.servers.rabbitmq import Broker, RabbitmqServer, find_rabbitmq
from shared.broker import Topology
from shared.broker.publisher import Publisher
from shared.settings import Settings, load_settings
from tests.migrated import MigratedDatabases


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    with find_postgresql(os.environ) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[RabbitmqServer]:
    with find_rabbitmq(os.environ) as server:
        yield server


@pytest.fixture
def fresh_database_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """An empty database."""
    with postgresql_server.fresh_database("test") as url:
        yield url


@pytest.fixture(scope="session")
def migrated_databases(postgresql_server: PostgresqlServer) -> Iterator[MigratedDatabases]:
    with MigratedDatabases.on(postgresql_server) as databases:
        yield databases


@pytest.fixture
def database_url(migrated_databases: MigratedDatabases) -> Iterator[str]:
    """A migrated database."""
    with migrated_databases.fresh() as url:
        yield url


@pytest.fixture(scope="session")
def virtual_host(rabbitmq_server: RabbitmqServer) -> Iterator[Broker]:
    """Where all tests' queues live, each under a prefix of its own."""
    with rabbitmq_server.fresh_broker("test") as broker:
        yield broker


@pytest.fixture
def broker(virtual_host: Broker) -> Iterator[Broker]:
    """Names of a test's own."""
    with names_of_ones_own(virtual_host) as broker:
        yield broker


@contextmanager
def names_of_ones_own(virtual_host: Broker) -> Iterator[Broker]:
    """Have a prefix for names; what was declared under it is deleted afterwards."""
    prefix = f"{virtual_host.prefix}_{secrets.token_hex(4)}"
    yield Broker(virtual_host.amqp_url, prefix)
    delete_declared(virtual_host.amqp_url, Topology(prefix))


def delete_declared(amqp_url: str, topology: Topology) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
    channel = connection.channel()
    for queue in topology.queues():
        channel.queue_delete(queue.name)
    for exchange in topology.exchanges():
        channel.exchange_delete(exchange.name)
    connection.close()


@pytest.fixture
def make_settings(database_url: str, broker: Broker) -> Callable[..., Settings]:
    """Settings for this test's database and names; `MAILROOM_*` variables as keywords on top."""

    def make(**variables: str) -> Settings:
        return load_settings(None, environment(database_url, broker, **variables))

    return make


def environment(database_url: str, broker: Broker, **variables: str) -> dict[str, str]:
    """The `MAILROOM_*` variables of service processes; they act as the worker role."""
    return {
        "MAILROOM_DATABASE_URL": acting_as(database_url, "worker"),
        "MAILROOM_REPORTS_DATABASE_URL": acting_as(database_url, "reports"),
        "MAILROOM_AMQP_URL": broker.amqp_url,
        "MAILROOM_AMQP_PREFIX": broker.prefix,
        "MAILROOM_HTTP_ADDRESS": "127.0.0.1",
        "MAILROOM_HTTP_PORT": "0",
        "MAILROOM_HOST_NAME": "mx1.mailroom.example",
        "MAILROOM_LOG_FORMAT": "json",
        **variables,
    }


@pytest.fixture
def publisher(broker: Broker) -> Iterator[Publisher]:
    publisher = Publisher([broker.amqp_url], "test", Topology(broker.prefix), timeout=20)
    publisher.start()
    yield publisher
    publisher.stop()
