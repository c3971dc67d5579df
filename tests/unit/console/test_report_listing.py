import pytest

from services.console.names import NameUnknown
from services.console.reports.listing import find_report, list_reports
from services.report_worker.catalogue import Catalogue
from services.report_worker.report import CatalogueEntryBroken

CATALOGUE = Catalogue(
    {name: Catalogue.load().reports[name] for name in ("dead-servers", "events-by-site")},
    {"mine": "report mine: mine.sql is empty"},
)


def test_a_broken_entry_is_listed_with_its_reason() -> None:
    *_, broken = list_reports(CATALOGUE, {})

    assert (broken.name, broken.broken) == ("mine", "report mine: mine.sql is empty")


def test_a_report_is_listed_with_its_scope_and_subscription() -> None:
    listed = {report.name: report for report in list_reports(CATALOGUE, {})}

    assert listed["events-by-site"].scope == "site"
    assert listed["dead-servers"].subscription == "Exchange Servers Not Seen"


def test_a_report_that_cannot_be_used_says_why_and_an_unknown_one_what_is_near() -> None:
    with pytest.raises(CatalogueEntryBroken, match=r"mine\.sql is empty"):
        find_report(CATALOGUE, "mine")
    with pytest.raises(NameUnknown, match="did you mean 'dead-servers'"):
        find_report(CATALOGUE, "dead-server")
