"""`mailroom status`: everything at one moment, and what of it wants attention."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import fields

import typer

from services.console.connection import any_schema
from services.console.output import AsJson, print_json, print_table, shown
from services.console.status.status import DatabaseStatus, Status, read_status
from services.console.status.troubles import Trouble, troubles, verdict
from shared.settings import load_settings

_RUN = ("created_at", "report", "scope", "state", "row_count", "error")


def status(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what is due, what ran, what waits, and what wants attention."""
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # that the broker is away is said here
    settings = load_settings(context.obj)
    with any_schema(settings.database_url) as connection:
        now = read_status(connection, settings)
    found = troubles(now)
    if as_json:
        values = {field.name: getattr(now, field.name) for field in fields(now)}
        print_json({"verdict": verdict(found), "troubles": found, **values})
        return
    _print_troubles(found)
    _print_numbers(now)
    if now.database is not None:
        _print_lists(now.database)


def _print_troubles(found: tuple[Trouble, ...]) -> None:
    if not found:
        print("ok: nothing wants attention")
        return
    print("attention:")
    for trouble in found:
        print(f"  {shown(trouble.message)}: {shown(trouble.command)}")


def _print_numbers(now: Status) -> None:
    print()
    print_table(("what", "now"), [*_database_lines(now), *_queue_lines(now.queues)])


def _database_lines(now: Status) -> Iterator[tuple[str, object]]:
    database = now.database
    if database is None:
        return
    poll = database.poll
    yield "reports", "enabled" if database.reports_enabled else "disabled"
    yield "schedules enabled", f"{database.schedules_enabled}, and {database.schedules_disabled} disabled"
    yield "muted subscriptions", tuple(muted.name for muted in database.muted_subscriptions) or "none"
    yield "runs of the last 24 h", _by_state(database.runs)
    yield "deliveries of the last 24 h", _by_state(database.deliveries)
    yield "deliveries in doubt", f"{database.in_doubt}, {database.held} of them held"
    yield "bounces waiting", database.bounces_waiting
    yield "oldest bounce", database.oldest_bounce_at or "none"
    yield "bounces leased", database.bounces_leased
    yield "quarantined", database.quarantined
    yield "next bounce poll", "one runs now" if poll.running else poll.next_due_at or "there was none yet"


def _queue_lines(queues: Mapping[str, int | None] | None) -> Iterator[tuple[str, object]]:
    if queues is None:
        yield "queues", "not known: the broker does not answer"
        return
    for name, depth in queues.items():
        yield f"queue {name}", "not declared yet" if depth is None else depth


def _by_state(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none"


def _print_lists(database: DatabaseStatus) -> None:
    print()
    print_table(
        ("next firing", "schedule"),
        [(firing.nominal_at, firing.schedule) for firing in database.next_firings],
    )
    if database.latest_runs:
        print()
        print_table(
            ("latest runs", *_RUN[1:]),
            [[getattr(run, name) for name in _RUN] for run in database.latest_runs],
        )
