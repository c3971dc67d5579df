"""The run ledger as an operator reads it, and runs asked for by hand."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from services.console.names import nearest
from shared.broker import Outcome, Publishing, Topology
from shared.database.statements import load_statements
from shared.errors import MailroomError
from shared.wire import ReportRun

_SQL = load_statements("services.console.reports", "runs.sql")


class RunState(StrEnum):
    """What became of a run."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    FANNED_OUT = "fanned-out"
    SENT = "sent"
    EMPTY = "empty"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LedgerRun:
    """A row of `mailroom.report_run`, as its column comments describe it."""

    run_id: UUID
    report: str
    scope: Mapping[str, str] | None
    nominal_at: datetime
    state: str
    row_count: int | None
    csv_bytes: int | None
    mail_bytes: int | None
    csv_sha256: str | None
    mail_id: str | None
    schedule: str | None
    parent_run_id: UUID | None
    requested_by: str
    args: Mapping[str, Any]
    attempts: int
    reason: str | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class RunsNotTaken(MailroomError):
    """The broker did not take the commands; the runs are closed as failed."""


def list_runs(
    connection: Connection, *, report: str | None = None, state: RunState | None = None, limit: int = 50
) -> list[LedgerRun]:
    """List runs, the latest first.

    Args:
        connection: to the run ledger.
        report: only runs of this report.
        state: only these.
        limit: the most runs.
    """
    with connection.cursor(row_factory=class_row(LedgerRun)) as cursor:
        return cursor.execute(_SQL["list"], {"report": report, "state": state, "limit": limit}).fetchall()


def nearest_run(connection: Connection[Any], run_id: str) -> str | None:
    """Return the id of one of the latest runs that was probably meant; None when none is like it."""
    latest = (str(known) for (known,) in connection.execute(_SQL["latest_ids"]))
    return nearest(run_id, latest, likeness=0.8)


def request(
    transaction: Callable[[], AbstractContextManager[Connection[Any]]],
    publisher: Publishing,
    topology: Topology,
    runs: Sequence[ReportRun],
    *,
    schedule: str | None = None,
) -> None:
    """Enter runs into the ledger, commit, and publish their commands.

    Args:
        transaction: opens one on the ledger, committed at its end.
        publisher: for the commands.
        topology: how they are addressed.
        runs: what is asked for.
        schedule: the one that is run by hand, if it is one.

    Raises:
        RunsNotTaken: the broker did not take them all.
    """
    with transaction() as connection, connection.cursor() as cursor:
        cursor.executemany(_SQL["enter"], [_row(run, schedule) for run in runs])
    outcomes = publisher.publish([topology.address(run) for run in runs])
    lost = {
        run.run_id: outcome
        for run, outcome in zip(runs, outcomes, strict=True)
        if outcome is not Outcome.CONFIRMED
    }
    if lost:
        reason = f"the broker did not take it ({', '.join(sorted({o.value for o in lost.values()}))})"
        with transaction() as connection:
            connection.execute(
                _SQL["withdraw"], {"run_ids": [UUID(run_id) for run_id in lost], "error": reason}
            )
        raise RunsNotTaken(f"run {', '.join(lost)}: {reason}; see to the broker and give the command again")


def _row(run: ReportRun, schedule: str | None) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "report": run.report,
        "scope": Jsonb(dict(run.scope)) if run.scope is not None else None,
        "nominal_at": run.nominal_at,
        "schedule": schedule,
        "requested_by": run.requested_by,
        "args": Jsonb(dict(run.args)),
    }
