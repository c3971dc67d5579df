"""PostgreSQL and RabbitMQ for a while: found or started, used in private, left as they were.

`sandbox` is the whole of it; `find_postgresql` and `find_rabbitmq` are its halves, for making many
databases on one server.
"""

from demo.servers.missing import MissingServer, ServersMissing
from demo.servers.postgresql import PostgresqlServer, find_postgresql
from demo.servers.rabbitmq import Broker, DeclaredNames, RabbitmqServer, find_rabbitmq
from demo.servers.sandbox import Sandbox, sandbox

__all__ = [
    "Broker",
    "DeclaredNames",
    "MissingServer",
    "PostgresqlServer",
    "RabbitmqServer",
    "Sandbox",
    "ServersMissing",
    "find_postgresql",
    "find_rabbitmq",
    "sandbox",
]
