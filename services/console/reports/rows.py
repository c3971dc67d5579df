"""The rows of a run once more, from its identity in the ledger."""

from typing import IO, Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from services.console.reports.listing import find_report
from services.report_worker.attachment import file_stem
from services.report_worker.catalogue import Catalogue
from services.report_worker.entity import entity_of
from services.report_worker.export import Exported, write_csv
from services.report_worker.runs import LedgerRow, load_run
from services.report_worker.settings import ReportSettings
from shared.settings import Settings


def write_rows(
    connection: Connection[Any], reports_pool: ConnectionPool, settings: Settings, run_id: str, out: IO[bytes]
) -> Exported:
    """Write the rows of a run as CSV, as they are now, and tell whether they are those the run had.

    Args:
        connection: to the run ledger.
        reports_pool: connections to the monitoring data.
        settings: as the report worker has them.
        run_id: of the run.
        out: where to.

    Raises:
        RunUnknown: there is none of this id.
        NameUnknown: its report is not in the catalogue any more.
        CatalogueEntryBroken: its report cannot be used any more.
        RunHasNoRows: it is a run for every site or bot.
        psycopg.Error: the query failed.
    """
    row = load_run(connection, run_id)
    report = find_report(Catalogue.load(settings.reports.catalogue_path), row.report)
    with reports_pool.connection() as reports_connection:
        return write_csv(
            connection, reports_connection, report, row, out, settings=ReportSettings.of(settings)
        )


def csv_name(row: LedgerRow) -> str:
    """Return the name that the file of a run has in its mail."""
    return f"{file_stem(row.report, entity_of(row.scope), row.nominal_at)}.csv"
