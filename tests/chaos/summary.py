"""What a run comes to: the bounds it must keep, and the tables that are printed."""

import signal
from collections import Counter
from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.chaos.books import lost, repeated, undeclared
from tests.chaos.plan import Kind, minimum
from tests.chaos.run import Result

#: What ten minutes must have seen of faults, and of load.
FAULTS: Final[Mapping[Kind, int]] = {
    Kind.KILL: 200,
    Kind.RESTART_BROKER: 5,
    Kind.RESTART_DATABASE: 5,
    Kind.CONNECTIONS: 20,
}
BOUNCES: Final = 20_000
REPORT_RUNS: Final = 200


def bounds(result: Result, seconds: float) -> list[str]:
    """Say which minimum the run did not reach, for its length."""
    done: Counter[str] = Counter()
    for (kind, _), times in result.injector.done.items():
        done[kind] += times
    wanted = [(kind.value, done[kind], number) for kind, number in FAULTS.items()]
    wanted += [("bounces", result.load[0], BOUNCES), ("report runs", result.load[1], REPORT_RUNS)]
    return [
        f"only {number} of at least {minimum(least, seconds)}: {what}"
        for what, number, least in wanted
        if number < minimum(least, seconds)
    ]


def show(console: Console, result: Result, troubles: list[str], seed: int) -> None:
    """Print the tables: what went wrong, what there was to do, what came of it."""
    console.print(_faults(result))
    console.print(_sink(result))
    console.print(_outcome(result))
    for (mail_id, recipient), times in sorted(repeated(result.books).items()):
        doubts = result.books.in_doubt.get((mail_id, recipient), 0)
        console.print(
            f"accepted {times} times, {doubts} attempts in doubt: {mail_id} to {recipient}", markup=False
        )
    for trouble in troubles:
        console.print(f"NOT IN ORDER: {trouble}", style="bold", markup=False)
    verdict = "a bound is broken" if troubles else "nothing lost, nothing twice but what is declared in doubt"
    console.print(f"CHAOS_SEED={seed}: {verdict}", style="bold")


def _faults(result: Result) -> Table:
    table = Table("Fault", "How", "Planned", "Done", title="What went wrong", show_edge=False)
    planned = Counter((fault.kind, fault.how) for fault in result.planned)
    for (kind, how), number in sorted(planned.items()):
        done = result.injector.done[kind, how]
        table.add_row(kind, how, str(number), str(done) if done else "not injected here")
    return table


def _sink(result: Result) -> Table:
    table = Table("At", "What", "Times", title="What the SMTP sink did", show_edge=False)
    for name, times in sorted(result.sink.mishaps.items()):
        table.add_row(*name.split(": "), str(times))
    return table


def _outcome(result: Result) -> Table:
    table = Table("What", "Number", title="What came of it", show_edge=False)
    bounces, runs, scoped = result.load
    states = Counter(result.books.states.values())
    exits = ", ".join(f"{times} x {code}" for code, times in sorted(Counter(_codes(result)).items(), key=str))
    rows: list[tuple[str, object]] = [
        ("bounces", bounces),
        ("report runs", runs),
        ("report runs for a site or bot each", scoped),
        ("mails expected", len(result.books.expected)),
        ("mails accepted by the sink", len(result.books.accepted)),
        ("refused for ever, as was to be", states["failed"]),
        ("lost", len(lost(result.books))),
        ("repeated", len(repeated(result.books))),
        ("repeated and not declared in doubt", len(undeclared(result.books))),
        ("declared in doubt", len(result.books.in_doubt)),
        ("exit codes after SIGTERM", exits),
        ("services that ended by themselves", len(result.replicas.collapses)),
        ("seconds in all", f"{result.seconds:.0f}"),
        ("seconds to settle", "never" if result.settled is None else f"{result.settled:.0f}"),
    ]
    for what, number in rows:
        table.add_row(what, str(number))
    return table


def _codes(result: Result) -> Counter[int]:
    codes: Counter[int] = Counter()
    for (_, code), times in result.replicas.exits.items():
        codes[code] += times
    del codes[-signal.SIGKILL]
    return codes
