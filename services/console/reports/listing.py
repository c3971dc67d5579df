"""The catalogue with what an operator wants to know of each report: who gets it, and when."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.console.names import look_up
from services.console.schedules.schedules import StoredSchedule
from services.report_worker.catalogue import Catalogue
from services.report_worker.report import CatalogueEntryBroken, Report


@dataclass(frozen=True, slots=True)
class ListedReport:
    """A report as it is listed; of a broken one only the name, the schedules and the reason are known.

    Attributes:
        scope: what one mail is about: site, bot, or None for everything.
        schedules: names of those that run it.
        broken: why it cannot be used; None when it can.
    """

    name: str
    title: str | None
    scope: str | None
    subscription: str | None
    schedules: tuple[str, ...]
    broken: str | None = None


def list_reports(catalogue: Catalogue, schedules: Mapping[str, StoredSchedule]) -> list[ListedReport]:
    """List the usable reports, then the broken ones, each sorted by name."""

    def of(report: str) -> tuple[str, ...]:
        return tuple(schedule.name for schedule in schedules.values() if report in schedule.reports)

    usable = [
        ListedReport(report.name, report.title, report.scope, report.subscription, of(report.name))
        for report in catalogue.reports.values()
    ]
    broken = [
        ListedReport(name, None, None, None, of(name), reason)
        for name, reason in sorted(catalogue.broken.items())
    ]
    return [*usable, *broken]


def find_report(catalogue: Catalogue, name: str) -> Report:
    """Return a report of the catalogue.

    Raises:
        CatalogueEntryBroken: it cannot be used.
        NameUnknown: there is none of this name.
    """
    if name in catalogue.broken and name not in catalogue.reports:
        raise CatalogueEntryBroken(catalogue.broken[name])
    return look_up("report", name, catalogue.reports)
