"""What one replica of each worker does, and what a second adds.

Real service processes, a real broker, a mail server that writes each message to disk. All replicas of a round
are started first and stopped with SIGSTOP; each service goes on when its work is ready on its queue, and is
stopped again when it is done, so that nothing of Mailroom runs beside what is measured. Reports come first,
the relay delivers them unmeasured; then bounces, whose NDRs are the relay's work.

One replica and two take turns. On a machine that has few cores for everything, rates tell more of the machine
than of Mailroom; CPU time for one piece of work carries over. That of PostgreSQL is of the sessions of the
services, without what goes on behind them (WAL writer, checkpoints, autovacuum). That of RabbitMQ is of
all its nodes on this machine, whoever else uses them. Both are 0 where the server runs on another machine.
"""

import os
import signal
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from threading import Event
from typing import Any
from uuid import uuid4

import psycopg
from rich.console import Console
from rich.table import Table

from demo.fleet import Fleet, ServiceProcess
from demo.servers import Broker, Sandbox, sandbox
from services.console.publishing import open_publisher
from services.console.sample_data.load import load_backlog, load_sample
from services.report_worker.catalogue import Catalogue
from services.report_worker.fan_out import child_runs, load_entities
from shared.broker import Outcome, Topology
from shared.broker.message import Message
from shared.database.migrate import migrate
from shared.database.statements import load_statements
from shared.errors import MailroomError
from shared.settings import load_settings
from shared.telemetry.logging import configure_logging
from shared.wire import BouncesPoll, ReportRun
from tests.benchmarks.process_usage import cpu_seconds, cpu_used, peak_memory, processes
from tests.benchmarks.smtp_sink import Sink, durable_sink
from tests.servers import environment

ROUNDS = 3
#: One original of 6 to 10 KiB each.
BOUNCES = 3000
#: How often each report by site and by bot is run for every site and bot of the sample.
REPEATED = 3
_SEED = 2026
_TIMEOUT = 120.0
_SQL = load_statements("tests.benchmarks", "replicas.sql")


@dataclass(frozen=True, slots=True)
class Measured:
    """One service in one round: CPU in seconds for one piece of work, memory in octets of one replica."""

    rate: float
    own: float
    postgresql: float
    rabbitmq: float
    memory: int


@dataclass(frozen=True, slots=True)
class Bench:
    """What every round uses."""

    connection: psycopg.Connection
    sink: Sink
    environment: dict[str, str]

    def publish(self, messages: Sequence[Message]) -> None:
        settings = load_settings(None, self.environment)
        topology = Topology.of(settings)
        with open_publisher(settings) as publisher:
            outcomes = publisher.publish([topology.address(message) for message in messages])
        assert set(outcomes) == {Outcome.CONFIRMED}, outcomes

    def column(self, statement: str) -> list[Any]:
        return [value for (value,) in self.connection.execute(_SQL[statement])]


def measure(bench: Bench) -> dict[tuple[str, int], list[Measured]]:
    """Return what was measured in each round, by service and number of replicas."""
    found = defaultdict(list)
    for number in range(1, ROUNDS + 1):
        for replicas in (1, 2):
            sys.stderr.write(f"replicas: round {number} of {ROUNDS}, {replicas} of each service\n")
            for service, measured in _round(bench, replicas).items():
                found[service, replicas].append(measured)
    return found


def _round(bench: Bench, replicas: int) -> dict[str, Measured]:
    bench.connection.execute(_SQL["clear"])
    load_backlog(bench.connection, BOUNCES, seed=_SEED, now=datetime.now(UTC))
    with Fleet(bench.environment) as fleet:
        report_workers, ndr_workers, relays = (
            [fleet.start(name) for _ in range(replicas)]
            for name in ("report_worker", "ndr_worker", "mail_relay")
        )
        fleet.wait_ready()
        _signal(fleet.processes, signal.SIGSTOP)
        reports = _reports(bench, report_workers)
        mails = bench.column("report_mails")
        _work(bench, relays, "reports_delivered", len(mails))
        ndrs = _ndrs(bench, ndr_workers)
        mails += bench.column("ndr_mails")
        relay = _work(bench, relays, "ndrs_delivered", BOUNCES)
    _check(bench, mails)
    return {"report_worker": reports, "ndr_worker": ndrs, "mail_relay": relay}


def _reports(bench: Bench, workers: Sequence[ServiceProcess]) -> Measured:
    catalogue = Catalogue.load()
    runs = [
        run
        for _ in range(REPEATED)
        for report in catalogue.reports.values()
        if report.scope
        for run in child_runs(
            ReportRun(str(uuid4()), report.name, datetime.now(UTC)),
            report.scope,
            load_entities(bench.connection, report.scope),
        )
    ]
    bench.publish(runs)
    return _work(bench, workers, "reports_done", len(runs))


def _ndrs(bench: Bench, workers: Sequence[ServiceProcess]) -> Measured:
    bench.publish([BouncesPoll(str(uuid4()), datetime.now(UTC))])
    return _work(bench, workers, "bounces_done", BOUNCES)


def _work(bench: Bench, replicas: Sequence[ServiceProcess], done: str, items: int) -> Measured:
    """Let these replicas go on until `items` are done."""
    began = bench.connection.execute(_SQL["now"]).fetchone()
    assert began
    before = _cpu(bench, replicas)
    _signal(replicas, signal.SIGCONT)
    seconds = _wait(bench, done, items, {"began": began[0]})
    own, postgresql, rabbitmq = (
        cpu_used(*looks) / items for looks in zip(before, _cpu(bench, replicas), strict=True)
    )
    memory = max(peak_memory(replica.process.pid) for replica in replicas)
    _signal(replicas, signal.SIGSTOP)
    return Measured(items / seconds, own, postgresql, rabbitmq, memory)


def _wait(bench: Bench, done: str, items: int, began: dict[str, datetime]) -> float:
    """Return how many seconds after `began` the last was done."""
    pause = Event()
    for _ in range(int(_TIMEOUT / 0.1)):
        count, seconds = bench.connection.execute(_SQL[done], began).fetchone() or (0, 0)
        if count >= items:
            return float(seconds)
        pause.wait(0.1)
    raise AssertionError(f"{done}: {count} of {items} after {_TIMEOUT:.0f} s")


def _cpu(bench: Bench, replicas: Sequence[ServiceProcess]) -> tuple[dict[int, float], ...]:
    """CPU seconds so far: of the replicas, of PostgreSQL, of RabbitMQ."""
    local = set(processes("postgres"))
    return (
        cpu_seconds(replica.process.pid for replica in replicas),
        cpu_seconds(local.intersection(bench.column("backends"))),
        cpu_seconds(processes("beam.smp")),
    )


def _signal(processes: Sequence[ServiceProcess], number: signal.Signals) -> None:
    for service in processes:
        service.process.send_signal(number)


def _check(bench: Bench, mails: list[str]) -> None:
    """Every mail there should be arrived once and stands in the ledger once."""
    assert bench.column("entries_left") == [0], "bounces are left"
    assert len(set(mails)) == len(mails), "a mail was made twice"
    assert sorted(bench.sink.arrived()) == sorted(mails), "a mail did not arrive, or not once"
    assert sorted(bench.column("deliveries")) == sorted(mails), "the ledger tells something else"


def _show(found: dict[tuple[str, int], list[Measured]]) -> Table:
    table = Table(
        title=f"replicas: medians of {ROUNDS} rounds, one replica and two in turns (for information)"
    )
    for heading in ("service", "replicas", "a second", "least", "most", "beside one"):
        table.add_column(heading, justify="left" if heading == "service" else "right")
    for heading in ("CPU ms of its own", "of PostgreSQL", "of RabbitMQ", "peak MiB of each"):
        table.add_column(heading, justify="right")
    for (service, replicas), rounds in sorted(found.items()):
        rates = [measured.rate for measured in rounds]
        beside = median(here.rate / alone.rate for here, alone in zip(rounds, found[service, 1], strict=True))
        table.add_row(
            service,
            str(replicas),
            *(f"{rate:,.0f}" for rate in (median(rates), min(rates), max(rates))),
            f"{beside:.2f}",
            *(
                f"{1000 * median(column):.2f}"
                for column in zip(*((m.own, m.postgresql, m.rabbitmq) for m in rounds), strict=True)
            ),
            f"{max(measured.memory for measured in rounds) / (1 << 20):.0f}",
        )
    return table


def _run(place: Sandbox) -> dict[tuple[str, int], list[Measured]]:
    migrate(place.database_url)
    with (
        psycopg.connect(place.database_url, autocommit=True) as connection,
        durable_sink() as sink,
    ):
        load_sample(connection, seed=_SEED, scale=1, now=datetime.now(UTC))
        variables = environment(
            place.database_url,
            Broker(place.amqp_url, place.amqp_prefix),
            MAILROOM_SMTP_URL=f"smtp://127.0.0.1:{sink.port}",
        )
        return measure(Bench(connection, sink, variables))


def _declared_names(prefix: str) -> tuple[list[str], list[str]]:
    topology = Topology(prefix)
    return [queue.name for queue in topology.queues()], [exchange.name for exchange in topology.exchanges()]


def main() -> int:
    """Print the table; 1 when something was not done, or not once."""
    # so that nothing stays behind, as with Ctrl-C
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    configure_logging("benchmarks", "console", "warning")
    try:
        with sandbox("bench", os.environ, _declared_names) as place:
            found = _run(place)
    except (MailroomError, AssertionError) as error:
        sys.stdout.write(f"replicas: BROKEN: {error}\n")
        return 1
    Console(width=None if sys.stdout.isatty() else 140, highlight=False).print(_show(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
