"""The commands a firing publishes, with the identity it gives them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from services.scheduler.due import Schedule
from services.scheduler.rhythm import ScheduleInvalid
from shared.wire import ReportRun

_RUNS = uuid5(NAMESPACE_URL, "mailroom:report-run")


def report_runs(schedule: Schedule, nominal_at: datetime) -> list[ReportRun]:
    """Return the report runs of one firing; the same firing always gives the same run ids.

    Raises:
        ScheduleInvalid: its args name no reports.
    """
    args = dict(schedule.args)
    reports = args.pop("reports", None)
    if not isinstance(reports, list) or not reports or not all(isinstance(name, str) for name in reports):
        raise ScheduleInvalid('its args have no list of report names; write {"reports": ["no-send-servers"]}')
    return [
        ReportRun(str(_run_id(schedule.name, nominal_at, report)), report, nominal_at, args=_scopeless(args))
        for report in reports
    ]


def _run_id(schedule: str, nominal_at: datetime, report: str) -> UUID:
    return uuid5(_RUNS, f"{schedule}|{nominal_at.astimezone(UTC).isoformat()}|{report}")


def _scopeless(args: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in args.items() if key != "scope"}
