"""A mail that its worker parked for real, put back with a click when its cause is mended."""

import pytest
from playwright.sync_api import expect

from tests.acceptance.house import House
from tests.browser.conftest import OpenAs
from tests.browser.parking import parked_messages, send_without_its_stored_message, store
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


def test_a_replayed_message_is_parked_no_more_and_its_mail_arrives(open_as: OpenAs, home: House) -> None:
    content = send_without_its_stored_message(home, "large.1")
    wait_until(lambda: parked_messages(home) == 1, 20)
    store(home, "large.1", content)

    page = open_as("operator")
    page.goto("/mailroom/parkedmessage/")
    expect(page.get_by_text("has no row 'large.1'")).to_be_visible()
    page.get_by_label("Select large.1").check()
    page.get_by_role("button", name="Replay").click()
    page.get_by_role("button", name="Replay them").click()
    expect(page.get_by_text("1 message replayed")).to_be_visible()

    home.catcher.wait_for(lambda mails: any(mail.content == content for mail in mails), 20)
    wait_until(lambda: parked_messages(home) == 0, 20)
    expect(page.get_by_text("Nothing is parked")).to_be_visible()
