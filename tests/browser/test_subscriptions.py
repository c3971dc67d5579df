"""Recipients changed in the list of subscriptions, seen at the SMTP sink."""

import pytest
from playwright.sync_api import expect

from tests.acceptance.house import House
from tests.browser.conftest import OpenAs
from tests.browser.mails import wait_for_report
from tests.browser.seat import choose_action

pytestmark = pytest.mark.integration

NO_SEND = "Exchange Servers No Send"
SCHEDULE, REPORT = "Exchange report verification not executed", "unverified-domain-pairs"


def test_the_next_mail_goes_to_the_recipients_edited_in_the_list(open_as: OpenAs, home: House) -> None:
    page = open_as("operator")
    page.goto("/mailroom/subscription/")
    row = page.get_by_role("row", name="Exchange Send Receive By Site").first
    row.get_by_role("textbox").fill("New readers <readers@example.org>, one@example.org")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 subscription was changed successfully")).to_be_visible()

    choose_action(page, "schedule", SCHEDULE, "Run selected schedules now")
    assert set(wait_for_report(home, REPORT).rcpt_tos) == {"readers@example.org", "one@example.org"}


def test_recipients_that_are_no_addresses_are_refused_beside_the_field(open_as: OpenAs, home: House) -> None:
    page = open_as("operator")
    page.goto("/mailroom/subscription/")
    row = page.get_by_role("row", name=NO_SEND)
    row.get_by_role("textbox").fill("the exchange team")
    page.get_by_role("button", name="Save").click()
    expect(row.locator(".errorlist")).to_contain_text("the exchange team")
    stored = home.rows(f"SELECT emails_list FROM mailroom.subscription WHERE name = '{NO_SEND}'")
    assert stored == [("exchange-administrators@example.com",)]
