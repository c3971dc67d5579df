"""Running reports again: new runs of the same report, scope, window and nominal time."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from psycopg import Connection

from services.console.reports.listing import find_report
from services.console.reports.scope import check_scope
from services.report_worker.catalogue import Catalogue
from services.report_worker.fan_out import load_entities
from services.report_worker.runs import load_run
from shared.settings import Settings
from shared.wire import ReportRun


def runs_again(connection: Connection[Any], settings: Settings, run_ids: Sequence[str]) -> list[ReportRun]:
    """Return runs to ask for, one for each, which are an operator's.

    Args:
        connection: to the run ledger.
        settings: with the catalogue.
        run_ids: of runs in any state.

    Raises:
        RunUnknown: there is none of this id.
        NameUnknown: its report is not in the catalogue, or its site or bot is not enabled any more.
        CatalogueEntryBroken: its report cannot be used any more.
        ScopeUnfit: its report is about something else now.
    """
    catalogue = Catalogue.load(settings.reports.catalogue_path)
    runs = [load_run(connection, run_id).run for run_id in run_ids]
    for run in runs:
        report = find_report(catalogue, run.report)
        entities = load_entities(connection, report.scope) if report.scope else []
        check_scope(report, dict(run.scope) if run.scope else None, entities, needed=False)
    return [replace(run, run_id=str(uuid4()), requested_by="operator") for run in runs]
