"""Which reports use a subscription, and which schedules run those."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.report_worker.report import Report


@dataclass(frozen=True, slots=True)
class Usage:
    """Who uses a subscription; names, sorted."""

    reports: tuple[str, ...]
    schedules: tuple[str, ...]


def reports_using(subscription: str, reports: Iterable[Report]) -> tuple[str, ...]:
    """Return the names of the reports of a catalogue that use a subscription, in its order."""
    return tuple(report.name for report in reports if report.subscription == subscription)


def usage_of(
    subscription: str, reports: Iterable[Report], schedules: Iterable[tuple[str, Iterable[str]]]
) -> Usage:
    """Tell who uses a subscription.

    Args:
        subscription: its name.
        reports: all of the catalogue.
        schedules: names of all, each with the reports it runs.
    """
    using = reports_using(subscription, reports)
    return Usage(using, tuple(name for name, run in schedules if set(using) & set(run)))
