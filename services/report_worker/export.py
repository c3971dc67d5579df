"""The rows of a run once more, as a file: for those that did not fit into its mail."""

import shutil
from dataclasses import dataclass
from typing import IO

import psycopg

from services.report_worker.preferences import load_preferences
from services.report_worker.report import Report
from services.report_worker.run_arguments import run_interval
from services.report_worker.runs import LedgerRow
from services.report_worker.settings import ReportSettings
from services.report_worker.subscription import load_subscription
from services.report_worker.table import read_table
from services.report_worker.window import Window
from shared.errors import MailroomError


class RunHasNoRows(MailroomError):
    """The run is one for every site or bot: its children have the rows."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        row_count: without the header line.
        size: in bytes.
        same: whether these are the bytes that the run had; False when the monitoring data or the
            subscription's columns changed since. None when the run never got that far.
    """

    row_count: int
    size: int
    same: bool | None


def write_csv(
    connection: psycopg.Connection,
    reports_connection: psycopg.Connection,
    report: Report,
    row: LedgerRow,
    out: IO[bytes],
    *,
    settings: ReportSettings,
) -> Exported:
    """Write the rows of a run as CSV; memory stays flat.

    Args:
        connection: to the primary, for subscription and preferences.
        reports_connection: to the monitoring data, outside a transaction.
        report: the run's.
        row: the run, from `runs.load_run`.
        out: where to.
        settings: of the report worker.

    Raises:
        RunHasNoRows: it is a run for every site or bot.
        psycopg.Error: the query failed.
    """
    if report.scope and row.scope is None:
        raise RunHasNoRows(
            f"run {row.run_id} is for every {report.scope}; `mailroom reports runs` lists its children, "
            "which have the rows"
        )
    subscription = load_subscription(connection, report.subscription)
    window = Window(row.nominal_at, run_interval(row.args, load_preferences(connection)))
    with read_table(
        reports_connection,
        report,
        report.columns_shown(subscription.column_names if subscription else ()),
        window.parameters(row.scope),
        timeout=settings.statement_timeout,
        keep_rows=0,
        size_limit=settings.size_limit,
        byte_order_mark=settings.byte_order_mark,
    ) as table:
        shutil.copyfileobj(table.file, out, 1 << 20)
        same = table.sha256 == row.csv_sha256 if row.csv_sha256 else None
        return Exported(table.row_count, table.size, same)
