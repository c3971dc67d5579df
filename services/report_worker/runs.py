"""The run ledger: one row per report, scope and nominal time, which says what became of it.

A lease keeps two workers from doing the same run at once. It is measured by PostgreSQL's clock, and may be
lost without harm: both would publish the same mail id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.database.statements import load_statements
from shared.errors import MailroomError
from shared.settings.values import format_time_span
from shared.wire import ReportRun

_STATEMENTS = load_statements("services.report_worker", "runs.sql")


class NotTaken(Enum):
    """Why a worker does not get the run it asks for."""

    #: It has been done; there is nothing left to do.
    FINISHED = "finished"
    #: Another worker is at it.
    LEASED = "leased"


@dataclass(frozen=True, slots=True)
class TakenRun:
    """A run that is this worker's until the lease ends.

    Attributes:
        run: with its args as the ledger has them.
        schedule: whose firing it belongs to; None when an operator asked for it.
    """

    run: ReportRun
    schedule: str | None


class RunUnknown(MailroomError):
    """There is no run of that id."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A run as the ledger has it.

    Attributes:
        run_id: of the run.
        report: name of the report.
        scope: what it is about; None for everything.
        nominal_at: end of its window.
        requested_by: schedule or operator.
        args: with the interval, once the run was begun.
        state: see `Conclusion`; also scheduled and running.
        csv_sha256: of the rows; None without any outcome yet.
    """

    run_id: str
    report: str
    scope: Mapping[str, str] | None
    nominal_at: datetime
    requested_by: str
    args: Mapping[str, Any]
    state: str
    csv_sha256: str | None

    @property
    def run(self) -> ReportRun:
        """The command it came with."""
        return ReportRun(
            self.run_id, self.report, self.nominal_at, self.scope, self.requested_by, dict(self.args)
        )


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a run ended.

    Attributes:
        state: sent (with rows), empty (no rows, mailed or not), skipped, failed, or fanned-out.
        reason: why it was skipped or nothing was mailed; how many runs it fanned out into.
        error: why it failed.
        row_count: rows of the report.
        csv_sha256: of the CSV before compression.
        csv_bytes: of the CSV before compression.
        mail_bytes: of the whole mail.
        mail_id: of the mail, when there was one.
        silent: no bot reported anything in the window; counted apart.
    """

    state: Literal["sent", "empty", "skipped", "failed", "fanned-out"]
    reason: str | None = None
    error: str | None = None
    row_count: int | None = None
    csv_sha256: str | None = None
    csv_bytes: int | None = None
    mail_bytes: int | None = None
    mail_id: str | None = None
    silent: bool = False


def claim_run(connection: psycopg.Connection, run: ReportRun, lease: timedelta) -> TakenRun | NotTaken:
    """Take a run for as long as `lease`, entering it into the ledger if it is not there."""
    taken = connection.execute(_STATEMENTS["claim"], {**_row(run), "lease": lease}).fetchone()
    if taken:
        args, schedule = taken
        return TakenRun(replace(run, args=args), schedule)
    found = connection.execute(_STATEMENTS["state"], {"run_id": run.run_id}).fetchone()
    return NotTaken.LEASED if found in {("scheduled",), ("running",)} else NotTaken.FINISHED


def keep_interval(connection: psycopg.Connection, run: ReportRun, interval: timedelta) -> ReportRun:
    """Write the length of the run's window into its args, and return the run with it.

    Whatever the preference says later: the run done again, its children and an export have the same window.
    """
    args = {**run.args, "interval": format_time_span(interval)}
    connection.execute(_STATEMENTS["keep_args"], {"run_id": run.run_id, "args": Jsonb(args)})
    return replace(run, args=args)


def load_run(connection: psycopg.Connection, run_id: str) -> LedgerRow:
    """Read one run of the ledger.

    Raises:
        RunUnknown: there is none of that id.
    """
    try:
        with connection.cursor(row_factory=class_row(LedgerRow)) as cursor:
            row = cursor.execute(_STATEMENTS["run"], {"run_id": run_id}).fetchone()
    except psycopg.DataError as error:
        raise RunUnknown(f"{run_id!r:.80} is no run id; `mailroom reports runs` lists them") from error
    if row is None:
        raise RunUnknown(f"there is no run {run_id}; `mailroom reports runs` lists those there are")
    return row


def claim_notice(connection: psycopg.Connection, run: ReportRun, quiet: timedelta) -> str | None:
    """Decide whether this failed run tells its owners, and remember it in the ledger.

    Workers that ask at the same time take turns, so one of them gets the notice; asking again for the same
    run gives the same answer.

    Returns:
        The notice's mail id; None when another run of the report told them less than `quiet` ago.
    """
    mail_id = f"report-failure.{run.run_id}"
    row = {"run_id": run.run_id, "report": run.report, "mail_id": mail_id, "quiet": quiet}
    with connection.transaction():
        connection.execute(_STATEMENTS["take_turns"], row)
        return mail_id if connection.execute(_STATEMENTS["claim_notice"], row).fetchone() else None


def release_run(connection: psycopg.Connection, run_id: str, error: str) -> None:
    """Give a run back for a later attempt, noting why this one ended."""
    connection.execute(_STATEMENTS["release"], {"run_id": run_id, "error": error})


def finish_run(connection: psycopg.Connection, run_id: str, conclusion: Conclusion) -> None:
    """Close a run that is running; one that is closed stays as it is."""
    connection.execute(_STATEMENTS["finish"], {"run_id": run_id, **asdict(conclusion)})


def add_children(connection: psycopg.Connection, parent_run_id: str, children: Sequence[ReportRun]) -> None:
    """Enter the runs that a run fans out into; those that are there stay as they are."""
    with connection.cursor() as cursor:
        cursor.executemany(
            _STATEMENTS["add_child"],
            [{**_row(child), "parent_run_id": parent_run_id} for child in children],
        )


def _row(run: ReportRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "report": run.report,
        "scope": Jsonb(dict(run.scope)) if run.scope is not None else None,
        "nominal_at": run.nominal_at,
        "requested_by": run.requested_by,
        "args": Jsonb(dict(run.args)),
    }
