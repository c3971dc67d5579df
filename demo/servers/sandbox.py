"""A database and a broker of one's own, wherever they come from, that vanish at the end."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from demo.servers.missing import ServersMissing
from demo.servers.postgresql import PostgresqlServer, locate_postgresql
from demo.servers.rabbitmq import DeclaredNames, RabbitmqServer, locate_rabbitmq
from demo.servers.source import Source

Server = TypeVar("Server")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What services need to run without touching anything that exists.

    Attributes:
        database_url: of an empty database.
        amqp_url: of an empty virtual host, or of a shared one where all names must carry the prefix.
        amqp_prefix: for `MAILROOM_AMQP_PREFIX`.
        postgresql_from: where the PostgreSQL server comes from, in words.
        rabbitmq_from: where the RabbitMQ server comes from, in words.
    """

    database_url: str
    amqp_url: str
    amqp_prefix: str
    postgresql_from: str
    rabbitmq_from: str


@contextmanager
def sandbox(
    purpose: str,
    environment: Mapping[str, str] = os.environ,
    declared_names: DeclaredNames = lambda _prefix: ((), ()),
) -> Iterator[Sandbox]:
    """Have a database and a broker of one's own; both vanish at the end, also after an exception.

    Args:
        purpose: goes into their names.
        environment: read for `MAILROOM_DATABASE_URL`, `MAILROOM_AMQP_URL` and `PATH`.
        declared_names: see `RabbitmqServer.fresh_broker`.

    Raises:
        ServersMissing: PostgreSQL, RabbitMQ or both are in none of the four places; nothing was started.
        ServerFailed: a private server did not start.
    """
    postgresql_source, rabbitmq_source = _locate_both(environment)
    with (
        postgresql_source.open() as postgresql,
        rabbitmq_source.open() as rabbitmq,
        postgresql.fresh_database(purpose) as database_url,
        rabbitmq.fresh_broker(purpose, declared_names) as broker,
    ):
        yield Sandbox(database_url, broker.amqp_url, broker.prefix, postgresql.found, rabbitmq.found)


def _locate_both(environment: Mapping[str, str]) -> tuple[Source[PostgresqlServer], Source[RabbitmqServer]]:
    postgresql = _located_or_missing(locate_postgresql, environment)
    rabbitmq = _located_or_missing(locate_rabbitmq, environment)
    if isinstance(postgresql, ServersMissing) or isinstance(rabbitmq, ServersMissing):
        each = [found.servers for found in (postgresql, rabbitmq) if isinstance(found, ServersMissing)]
        raise ServersMissing([server for servers in each for server in servers])
    return postgresql, rabbitmq


def _located_or_missing(
    locate: Callable[[Mapping[str, str]], Source[Server]], environment: Mapping[str, str]
) -> Source[Server] | ServersMissing:
    try:
        return locate(environment)
    except ServersMissing as missing:
        return missing
