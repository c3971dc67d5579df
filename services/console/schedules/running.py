"""Running a schedule by hand: the runs that its firing would be now, asked for by an operator."""

from dataclasses import replace
from datetime import datetime

from services.console.reports.listing import find_report
from services.report_worker.catalogue import Catalogue
from services.report_worker.run_arguments import validate_arguments
from services.scheduler.commands import report_runs
from services.scheduler.due import Schedule
from shared.wire import ReportRun


def runs_by_hand(schedule: Schedule, catalogue: Catalogue, now: datetime) -> list[ReportRun]:
    """Return the runs to ask for; the schedule's own firings stay as they are.

    Args:
        schedule: enabled or not.
        catalogue: the reports there are.
        now: end of the runs' windows, with a zone.

    Raises:
        ScheduleInvalid: its args name no reports.
        NameUnknown: they name one that there is not.
        CatalogueEntryBroken: they name one that cannot be used.
        ArgumentsMalformed: they hold what no report takes.
    """
    runs = [replace(run, requested_by="operator") for run in report_runs(schedule, now)]
    for run in runs:
        find_report(catalogue, run.report)
        validate_arguments(run.args)
    return runs
