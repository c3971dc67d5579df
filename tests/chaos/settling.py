"""Coming to rest after the faults: until the books balance, and then in order to the end."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pika
import psycopg
from pika.exceptions import AMQPError

from shared.broker import Topology
from shared.settings import load_settings
from tests.chaos.books import Books, findings
from tests.chaos.house import House
from tests.chaos.load import SQL

#: Seconds after which what is not in order yet never will be; and between two lines of progress.
_PATIENCE: Final = 180.0
_PROGRESS_EVERY: Final = 10.0


def settle(house: House, tell: Callable[[str], None]) -> list[str]:
    """Wait until the books balance and nothing is under way; returns what is still wrong after too long."""
    house.sink.calm_down()
    with psycopg.connect(house.database_url, autocommit=True) as connection:
        connection.execute(SQL["end_schedules"])
    until, tell_at = time.monotonic() + _PATIENCE, time.monotonic() + _PROGRESS_EVERY
    while True:
        house.targets.replicas.tend()
        troubles = _unbalanced(house) + _waiting(house)
        if not troubles or time.monotonic() > until:
            return troubles
        if time.monotonic() > tell_at:
            tell_at += _PROGRESS_EVERY
            tell(f"settling: {len(troubles)} things are not in order yet, such as: {troubles[0][:120]}")
        time.sleep(0.5)


def close(house: House) -> tuple[Books, list[str]]:
    """End the services in order and balance the books for good; returns them and what is wrong."""
    # the scheduler first: it would go on starting polls
    for service in ("scheduler", "ndr_worker", "report_worker", "mail_relay"):
        house.targets.replicas.end(service)
    # polls are begun anew for ever; one that was under way is no work left undone
    waiting = [line for line in _waiting(house) if not line.startswith("bounce-commands")]
    books = house.books()
    return books, findings(books) + waiting


def _unbalanced(house: House) -> list[str]:
    try:
        return findings(house.books())
    except psycopg.OperationalError as error:
        # what fakes its clock opens a file now and then where PostgreSQL allows none, which may crash it
        return [f"PostgreSQL does not answer: {error}"]


def _waiting(house: House) -> list[str]:
    """Say which queues are not empty."""
    topology = Topology.of(load_settings(None, house.environment))
    try:
        connection = pika.BlockingConnection(pika.URLParameters(house.targets.broker.amqp_url))
    except AMQPError as error:
        return [f"the broker does not answer: {error!r}"]
    try:
        channel = connection.channel()
        depths = {
            queue.name.removeprefix(f"{topology.prefix}."): channel.queue_declare(
                queue.name, passive=True
            ).method.message_count
            for queue in topology.queues()
        }
    finally:
        connection.close()
    return [f"{name}: {depth} messages" for name, depth in depths.items() if depth]


def panics(logs: Path) -> list[str]:
    """Say which services' threads died of an exception nobody caught."""
    return [
        f"{log.name}: a thread ended with an exception"
        for log in sorted(logs.glob("*.log"))
        if b"Exception in thread" in log.read_bytes()
    ]
