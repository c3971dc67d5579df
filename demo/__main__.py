"""`make demo`: Mailroom doing both of its jobs, on real servers, and gone without a trace."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import NoReturn

import psycopg
from rich.console import Console
from rich.table import Table

from demo.arrivals import Arrival, Expected, arrivals, expected, leftovers, missing
from demo.catcher import Catcher, MailNotCaught
from demo.console import OpenConsole, start_console
from demo.fleet import Fleet
from demo.roles import acting_as
from demo.servers.sandbox import Sandbox, sandbox
from services.console.sample_data.load import load_sample
from shared.broker import Topology
from shared.database.migrate import migrate
from shared.database.statements import load_statements
from shared.errors import MailroomError

_SQL = load_statements("demo", "demo.sql")
_SEED = 2026
_SERVICES = ("scheduler", "report_worker", "ndr_worker", "mail_relay")
_MAILS = Path(".demo/mails")
_TIMEOUT = 100.0
#: Signals that asked the demo to end; of all queues, this one may be filled by a signal handler.
_interruptions: SimpleQueue[int] = SimpleQueue()
_console = Console(width=None if sys.stdout.isatty() else 300, highlight=False)


def main() -> int:
    """Run the demo; returns 0 when everything of the sample arrived, else 1."""
    # A parent such as a CI job may have left SIGINT ignored; the demo always ends in order.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    keep = os.environ.get("KEEP", "") not in {"", "0"}
    try:
        with sandbox("demo", declared_names=_declared_names) as place:
            return _run(place, keep=keep)
    except MailroomError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1


def _interrupt(number: int, _: object) -> NoReturn:
    """End the demo: now or, from a place that Python lets nothing out of, before it begins to wait."""
    _interruptions.put(number)
    raise KeyboardInterrupt


def _declared_names(prefix: str) -> tuple[list[str], list[str]]:
    topology = Topology(prefix)
    return [queue.name for queue in topology.queues()], [exchange.name for exchange in topology.exchanges()]


def _run(place: Sandbox, *, keep: bool) -> int:
    started = time.monotonic()
    _console.print(f"PostgreSQL: {place.postgresql_from}\nRabbitMQ:   {place.rabbitmq_from}")
    wanted = _prepare(place.database_url)
    shutil.rmtree(_MAILS, ignore_errors=True)
    with Catcher(folder=_MAILS) as catcher, Fleet(_environment(place, catcher)) as fleet:
        for name in _SERVICES:
            fleet.start(name)
        fleet.wait_ready()
        _console.print(f"{', '.join(_SERVICES)} are running; waiting for the mails")
        arrived, troubles = _await(wanted, catcher, place)
        _print_table(arrived)
        if troubles:
            for trouble in troubles:
                print(f"demo: {trouble}", file=sys.stderr)
            for service in fleet.processes:
                print(f"--- {service.name}\n{service.tail(5)}", file=sys.stderr)
            return 1
        reports = sum(arrival.kind == "report" for arrival in arrived)
        _console.print(
            f"{reports} reports and {len(arrived) - reports} NDRs arrived,"
            f" each once, in {time.monotonic() - started:.0f} s."
        )
        console = start_console(fleet, place.database_url) if keep else None
        _tell_where_to_look(catcher, console)
    return 0


def _prepare(database_url: str) -> Expected:
    migrate(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        load_sample(connection, seed=_SEED, scale=1, now=now)
        connection.execute(_SQL["schedule_now"])
        return expected(connection)


def _environment(place: Sandbox, catcher: Catcher) -> dict[str, str]:
    return {
        "MAILROOM_DATABASE_URL": acting_as(place.database_url, "worker"),
        "MAILROOM_REPORTS_DATABASE_URL": acting_as(place.database_url, "reports"),
        "MAILROOM_AMQP_URL": place.amqp_url,
        "MAILROOM_AMQP_PREFIX": place.amqp_prefix,
        "MAILROOM_SMTP_URL": catcher.smtp_url,
        "MAILROOM_HTTP_ADDRESS": "127.0.0.1",
        "MAILROOM_HOST_NAME": "mx1.mailroom.example",
        "MAILROOM_NDR__DELAY_START": "0s",
        "MAILROOM_NDR__INTERVAL_LOW": "1s",
    }


def _await(wanted: Expected, catcher: Catcher, place: Sandbox) -> tuple[Sequence[Arrival], list[str]]:
    """Wait until as many mails as expected are there, then look whether they are the right ones."""
    total = wanted.reports.total() + wanted.ndrs
    try:
        mails = catcher.wait_for(lambda mails: len(mails) >= total, _TIMEOUT)
    except MailNotCaught:
        mails = catcher.messages
    arrived = arrivals(mails)
    with psycopg.connect(place.database_url) as connection:
        return arrived, missing(wanted, arrived) + leftovers(connection, wanted)


def _print_table(arrived: Sequence[Arrival]) -> None:
    table = Table("What", "Recipient", "Subject", "CSV rows", "Message-ID", show_edge=False)
    table.columns[3].justify = "right"
    for column in table.columns:
        column.overflow = "fold"
    for arrival in sorted(
        arrived, key=lambda arrival: (arrival.kind, arrival.report, arrival.scope, arrival.recipient)
    ):
        what = arrival.kind if arrival.kind == "NDR" else arrival.report
        table.add_row(what, arrival.recipient, arrival.subject, arrival.rows, arrival.message_id)
    _console.print(table, markup=False)


def _tell_where_to_look(catcher: Catcher, console: OpenConsole | None) -> None:
    if console is None:
        _console.print(f"The mails as files: {_MAILS}/\nTo read them in a browser: make demo KEEP=1")
        return
    table = Table("Where to look", "", show_edge=False, show_header=False)
    table.add_row("the mails as files", f"{_MAILS}/")
    table.add_row("the mails in a browser", catcher.http_url)
    table.add_row("the console", console.url)
    table.add_row("its user and password", f"{console.user} {console.password}")
    _console.print(table, "Ctrl-C ends the demo.", markup=False)
    with suppress(KeyboardInterrupt):
        _interruptions.get()


if __name__ == "__main__":
    sys.exit(main())
