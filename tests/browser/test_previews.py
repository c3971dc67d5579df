"""Mails looked at in the browser: each part as it was, or would be, mailed."""

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.house import House
from tests.browser.conftest import OpenAs
from tests.browser.mails import read, wait_for_report
from tests.browser.seat import choose_action

pytestmark = pytest.mark.integration

SCHEDULE, REPORT = "Exchange report all email verification between domains", "all-domain-pairs"
#: A bounced entry that a worker seems to have in hand, so that it stays while it is looked at.
_LEASED_BOUNCE = """
WITH message AS (
    INSERT INTO mailroom.spooled_message (sender, content)
    VALUES ('alice@example.com', convert_to(E'Subject: lunch\\r\\n\\r\\nAt noon?\\r\\n', 'UTF8'))
    RETURNING message_id
)
INSERT INTO mailroom.queue_entry
    (message_id, recipient, status, smtp_status, diagnostic, bounced_at, ndr_id, leased_until)
SELECT message_id, 'bob@example.net', 'bounced', 550, '550 5.1.1 no such user', now(),
       gen_random_uuid(), now() + interval '15s'
FROM message
"""


def section(page: Page, heading: str) -> str:
    """The words of a part of the preview, without differences of white space."""
    found = page.locator("section").filter(has=page.get_by_role("heading", name=heading, exact=True))
    return " ".join(found.inner_text().removeprefix(heading).split())


def test_the_preview_of_a_run_shows_the_mail_that_arrived_with_its_html_locked_in(
    open_as: OpenAs, home: House
) -> None:
    page = open_as("operator")
    choose_action(page, "schedule", SCHEDULE, "Run selected schedules now")
    mail = read(wait_for_report(home, REPORT))
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text
    assert html

    page.goto(f"/mailroom/reportrun/{mail['X-Mailroom-Run-ID']}/change/")
    page.get_by_role("link", name="Preview").click()
    assert mail["Subject"] in section(page, "Header")
    assert section(page, "Text") == " ".join(text.get_content().split())
    frame = page.locator("iframe")
    expect(frame).to_have_attribute("sandbox", "")
    expect(frame.content_frame.get_by_role("heading").first).to_be_visible()
    assert "example.org" in html.get_content()
    expect(frame.content_frame.get_by_text("example.org").first).to_be_visible()


def test_the_preview_of_a_bounced_entry_shows_the_ndr_it_would_get(open_as: OpenAs, home: House) -> None:
    home.connection.execute(_LEASED_BOUNCE)
    page = open_as("viewer")
    page.goto("/mailroom/queueentry/?q=bob")
    page.get_by_role("row", name="bob@example.net").get_by_role("link", name="NDR").click()
    assert "alice@example.com" in section(page, "Header")
    assert "bob@example.net" in section(page, "Text")
    status = section(page, "Delivery status, for programs")
    assert "Final-Recipient: rfc822; bob@example.net" in status
    assert "Status: 5.1.1" in status
    assert "Subject: lunch" in section(page, "What is returned of the original")
