"""The run ledger: one row per report, scope and nominal time, which says what became of it.

A lease keeps two workers from doing the same run at once. It is measured by PostgreSQL's clock, and may be
lost without harm: both would publish the same mail id.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Literal

import psycopg
from psycopg.types.json import Jsonb

from shared.database.statements import load_statements
from shared.wire import ReportRun

_STATEMENTS = load_statements("services.report_worker", "runs.sql")


class Claim(Enum):
    """What the ledger says to a worker that asks for a run."""

    #: The run is this worker's until the lease ends.
    TAKEN = "taken"
    #: It has been done; there is nothing left to do.
    FINISHED = "finished"
    #: Another worker is at it.
    LEASED = "leased"


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


def claim_run(connection: psycopg.Connection, run: ReportRun, lease: timedelta) -> Claim:
    """Take a run for as long as `lease`, entering it into the ledger if it is not there."""
    taken = connection.execute(_STATEMENTS["claim"], {**_row(run), "lease": lease}).fetchone()
    if taken:
        return Claim.TAKEN
    found = connection.execute(_STATEMENTS["state"], {"run_id": run.run_id}).fetchone()
    return Claim.LEASED if found in {("scheduled",), ("running",)} else Claim.FINISHED


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
