from dataclasses import replace
from datetime import timedelta

import pytest

from services.report_worker.delivery import Delivery, SenderMalformed, Skip, mails_empty, plan_delivery
from services.report_worker.preferences import Preferences
from services.report_worker.recipients import Mailbox
from services.report_worker.subscription import Subscription
from tests.unit.report_worker.samples import EVENTS, NOMINAL_AT, SERVERS, SUBSCRIPTION

PREFERENCES = Preferences()


def plan(
    subscription: Subscription | None = SUBSCRIPTION, preferences: Preferences = PREFERENCES
) -> Delivery | Skip:
    return plan_delivery(SERVERS, preferences, subscription, NOMINAL_AT)


def test_a_report_goes_to_everybody_on_the_list() -> None:
    assert plan() == Delivery(SUBSCRIPTION, Mailbox("mailroom@example.com"), (Mailbox("ops@example.com"),))


@pytest.mark.parametrize(
    ("subscription", "preferences", "reason"),
    [
        (SUBSCRIPTION, Preferences(reports_enabled=False), "exchange__reports_enabled is false"),
        (None, Preferences(), "no subscription 'Ops'"),
        (replace(SUBSCRIPTION, enabled=False), Preferences(), "'Ops' is disabled"),
        (
            replace(SUBSCRIPTION, mute_until=NOMINAL_AT + timedelta(days=1)),
            Preferences(),
            "muted until 2026-11-21",
        ),
        (replace(SUBSCRIPTION, emails_list=" , "), Preferences(), "no valid recipient (its list is empty)"),
        (
            replace(SUBSCRIPTION, emails_list="ops"),
            Preferences(),
            "no valid recipient (not an address: 'ops')",
        ),
    ],
)
def test_a_report_nobody_is_to_get_is_skipped_with_the_reason(
    subscription: Subscription | None, preferences: Preferences, reason: str
) -> None:
    skip = plan(subscription, preferences)
    assert isinstance(skip, Skip)
    assert reason in skip.reason


def test_a_mute_that_is_over_mutes_nothing() -> None:
    assert isinstance(plan(replace(SUBSCRIPTION, mute_until=NOMINAL_AT)), Delivery)


def test_malformed_recipients_are_named_while_the_good_ones_are_served() -> None:
    delivery = plan(replace(SUBSCRIPTION, emails_list="ops@example.com, broken@"))
    assert isinstance(delivery, Delivery)
    assert delivery.remark == "not an address: 'broken@'"


def test_a_malformed_sender_is_refused_by_name() -> None:
    with pytest.raises(SenderMalformed, match="'Ops': from_email 'nobody'"):
        plan(replace(SUBSCRIPTION, from_email="nobody"))


def test_without_rows_the_subscription_decides_then_the_report_then_the_preference() -> None:
    quiet, loud = Preferences(empty_alerts=False), Preferences(empty_alerts=True)
    assert not mails_empty(SERVERS, SUBSCRIPTION, quiet)
    assert mails_empty(SERVERS, SUBSCRIPTION, loud)
    assert mails_empty(EVENTS, SUBSCRIPTION, quiet)
    assert mails_empty(SERVERS, replace(SUBSCRIPTION, send_empty=True), quiet)
    assert not mails_empty(EVENTS, replace(SUBSCRIPTION, send_empty=False), loud)
