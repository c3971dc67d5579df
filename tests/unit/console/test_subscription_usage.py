"""Who uses a subscription."""

from services.console.subscriptions.usage import Usage, reports_using, usage_of
from services.report_worker.catalogue import Catalogue

REPORTS = list(Catalogue.load().reports.values())


def test_a_subscription_is_used_by_reports_and_by_the_schedules_that_run_them() -> None:
    schedules = [("all", ["all-domain-pairs", "dead-servers"]), ("dead", ["dead-servers"]), ("none", [])]

    assert usage_of("Mail Verification Report", REPORTS, schedules) == Usage(
        ("all-domain-pairs", "broken-domain-pairs"), ("all",)
    )


def test_a_subscription_that_nothing_names_is_unused() -> None:
    assert reports_using("Nobody's", REPORTS) == ()
    assert usage_of("Nobody's", REPORTS, [("all", ["all-domain-pairs"])]) == Usage((), ())
