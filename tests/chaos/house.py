"""The house under fire: servers of its own behind proxies, a sink, a small disk, and every service."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg

from demo.fleet import Fleet
from demo.roles import acting_as
from demo.servers import private_postgresql, private_rabbitmq
from demo.servers.missing import ServersMissing
from demo.servers.postgresql import PostgresqlServer
from demo.servers.postgresql import missing as missing_postgresql
from demo.servers.rabbitmq import missing as missing_rabbitmq
from demo.servers.rabbitmq import why_unusable
from shared.database.migrate import migrate
from tests.chaos.books import Books, read_books
from tests.chaos.clock import server_clock
from tests.chaos.disk import small_disk
from tests.chaos.injector import Targets
from tests.chaos.load import CATCH_UP_LIMIT, prepare
from tests.chaos.proxy import Proxy
from tests.chaos.replicas import REPLICAS, Replicas
from tests.chaos.sink import BUSY_DOMAIN, Sink

#: A transaction is on disk when it is committed: the server may be stopped at any instruction.
_DURABLE: Final = "-c synchronous_commit=on -c full_page_writes=on"
#: Of transactions that the sink does something to.
_MISHAPS: Final = 0.03
#: Octets on the disk for a second of load: copies of 6 KiB, audit lines, and room to spare.
_DISK_PER_SECOND: Final = 2**20
#: Seconds; ten interpreters start at once.
_READY: Final = 120.0

#: Short waits, so that what a fault leaves behind is taken up within the run.
IMPATIENT: Final[Mapping[str, str]] = {
    "MAILROOM_NDR__DELAY_START": "0s",
    "MAILROOM_NDR__INTERVAL_LOW": "500ms",
    "MAILROOM_NDR__INTERVAL_HIGH": "1s",
    "MAILROOM_NDR__INTERVAL_ERROR": "2s",
    "MAILROOM_NDR__LEASE": "10s",
    "MAILROOM_NDR__CHAIN_LEASE": "6s",
    "MAILROOM_NDR__QUEUECACHE": "60",
    "MAILROOM_REPORTS__LEASE": "10s",
    "MAILROOM_RELAY__ATTEMPT_LEASE": "6s",
    "MAILROOM_RELAY__RETRY_AFTER": "1s | 2s | 5s",
    "MAILROOM_RELAY__LIMITS": json.dumps(
        {BUSY_DOMAIN: {"concurrency": 2}, "example.net": {"concurrency": 3, "per_minute": 3000}}
    ),
    **{
        f"MAILROOM_RELAY__TIMEOUTS__{name}": "5s"
        for name in ("CONNECT", "GREETING", "MAIL", "RCPT", "DATA", "BLOCK", "FINAL")
    },
    "MAILROOM_BROKER__RETRY_STEPS": "1s | 2s | 5s",
    "MAILROOM_BROKER__PUBLISH_TIMEOUT": "20s",
    "MAILROOM_SCHEDULER__REPUBLISH_AFTER": "3s",
    "MAILROOM_SCHEDULER__CATCH_UP_LIMIT": str(CATCH_UP_LIMIT),
    "MAILROOM_EVENTS__PUBLISH": "yes",
}


@dataclass(frozen=True, slots=True)
class House:
    """All that runs.

    Attributes:
        database_url: of the database, straight to the server, for its superuser.
        environment: of the services.
        targets: what faults are done to.
        sink: where mail goes.
        audit: the audit file.
        copies: the copies folder.
        jumps: how often PostgreSQL's clock jumps.
    """

    database_url: str
    environment: Mapping[str, str]
    targets: Targets
    sink: Sink
    audit: Path
    copies: Path
    jumps: int

    def books(self) -> Books:
        """Read the books as they stand."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return read_books(connection, self.sink, self.audit, self.copies, jumps=self.jumps)


@contextmanager
def house(seed: int, seconds: float, logs: Path, clock_library: Path | None, jumps: int) -> Iterator[House]:
    """Have it all running; everything is ended and removed at the end.

    Args:
        seed: of load and sink.
        seconds: for how long it has to last.
        logs: folder for what the services say.
        clock_library: libfaketime; None: clocks are left alone.
        jumps: how often PostgreSQL's clock will jump.

    Raises:
        ServersMissing: PostgreSQL's or RabbitMQ's programs are not installed.
        ServerFailed: a server did not start.
    """
    folder, programs = _programs()
    with ExitStack() as stack:
        clock = stack.enter_context(server_clock(clock_library)) if clock_library else None
        database = stack.enter_context(
            private_postgresql.server(folder, clock.environment if clock else {}, _DURABLE)
        )
        stack.callback(shutil.copy, database.log, logs / "postgresql.log")
        database_url = stack.enter_context(PostgresqlServer(database.url, "private").fresh_database("chaos"))
        broker = stack.enter_context(private_rabbitmq.node(programs, os.environ, _answers))
        sink = stack.enter_context(Sink(seed, _MISHAPS))
        proxies = {
            "database": stack.enter_context(Proxy("127.0.0.1", _port(database_url))),
            "broker": stack.enter_context(Proxy("127.0.0.1", _port(broker.amqp_url))),
            "smtp": stack.enter_context(Proxy("127.0.0.1", sink.port)),
        }
        records = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailroom-chaos-"))) / "records"
        disk = stack.enter_context(small_disk(records, int(seconds + 60) * _DISK_PER_SECOND))
        migrate(database_url)
        with psycopg.connect(database_url, autocommit=True) as connection:
            prepare(connection, seed)
        environment = _environment(database_url, broker.amqp_url, proxies, records)
        fleet = stack.enter_context(Fleet(environment, logs))
        replicas = Replicas(fleet, REPLICAS)
        fleet.wait_ready(_READY)
        targets = Targets(replicas, database, broker, proxies, disk, clock)
        yield House(
            database_url=database_url,
            environment=environment,
            targets=targets,
            sink=sink,
            audit=records / "audit.log",
            copies=records / "copies",
            jumps=jumps if clock else 0,
        )


def _environment(
    database_url: str, amqp_url: str, proxies: Mapping[str, Proxy], records: Path
) -> dict[str, str]:
    """The services' settings: they reach every server through its proxy."""
    return {
        **IMPATIENT,
        "MAILROOM_DATABASE_URL": _through(proxies["database"], acting_as(database_url, "worker")),
        "MAILROOM_REPORTS_DATABASE_URL": _through(proxies["database"], acting_as(database_url, "reports")),
        "MAILROOM_AMQP_URL": _through(proxies["broker"], amqp_url),
        "MAILROOM_SMTP_URL": f"smtp://127.0.0.1:{proxies['smtp'].port}",
        "MAILROOM_HTTP_ADDRESS": "127.0.0.1",
        "MAILROOM_HOST_NAME": "mx1.mailroom.example",
        "MAILROOM_LOG_FORMAT": "json",
        "MAILROOM_NDR__AUDIT": str(records / "audit.log"),
        "MAILROOM_NDR__NDR_COPIES_FOLDER": str(records / "copies"),
    }


def _programs() -> tuple[Path, private_rabbitmq.Programs]:
    folder = private_postgresql.program_folder(os.environ)
    programs = private_rabbitmq.find_programs(os.environ)
    why = "the fault injection suite restarts servers of its own, and finds no programs to start them."
    missing = [
        *([missing_postgresql(why)] if folder is None else []),
        *([missing_rabbitmq(why)] if programs is None else []),
    ]
    if folder is None or programs is None:
        raise ServersMissing(missing)
    return folder, programs


def _answers(amqp_url: str) -> bool:
    return why_unusable(amqp_url) is None


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def _through(proxy: Proxy, url: str) -> str:
    """Give the URL with the proxy in the server's place."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{proxy.port}").geturl()
