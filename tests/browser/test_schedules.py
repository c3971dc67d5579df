"""Stopping a schedule and running one, with a click, seen at the SMTP sink."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from psycopg.types.json import Jsonb

from tests.acceptance.house import House
from tests.browser.conftest import OpenAs
from tests.browser.mails import read, reports, wait_for_report
from tests.browser.seat import choose_action

pytestmark = pytest.mark.integration

#: Always mailed, also without rows.
STOPPED, GOING_ON, BY_HAND = "all-domain-pairs", "broken-domain-pairs", "events-by-site"


@pytest.fixture
def quick_schedules(home: House) -> Iterator[None]:
    """Two that fire every second."""
    for report in (STOPPED, GOING_ON):
        home.connection.execute(
            "INSERT INTO mailroom.schedule (name, args, every) VALUES (%s, %s, '1s')",
            (f"Quick {report}", Jsonb({"reports": [report]})),
        )
    yield
    home.connection.execute("DELETE FROM mailroom.schedule WHERE name LIKE 'Quick %'")


def fired_after_the_change(home: House, report: str) -> int:
    """How many of a report's mails at the sink are of nominal times after the schedule was disabled."""
    caught = [read(mail)["X-Mailroom-Run-ID"] for mail in reports(home, report)]
    row = home.connection.execute(
        "SELECT count(*) FROM mailroom.report_run, console.django_admin_log"
        " WHERE run_id = ANY(%s::uuid[]) AND nominal_at > action_time"
        " AND object_repr = %s AND change_message = 'Disabled.'",
        (caught, f"Quick {STOPPED}"),
    ).fetchone()
    assert row
    return int(row[0])


def test_a_schedule_disabled_in_the_list_mails_nothing_more_while_another_goes_on(
    open_as: OpenAs, home: House, quick_schedules: None
) -> None:
    page = open_as("operator")
    wait_for_report(home, STOPPED)
    choose_action(page, "schedule", f"Quick {STOPPED}", "Disable selected schedules")
    expect(page.get_by_text("1 schedule disabled")).to_be_visible()
    home.catcher.wait_for(lambda _: fired_after_the_change(home, GOING_ON) >= 2, 20)
    assert fired_after_the_change(home, STOPPED) == 0


def test_a_schedule_run_by_hand_mails_its_reports_at_once(open_as: OpenAs, home: House) -> None:
    page = open_as("operator")
    choose_action(page, "schedule", "Exchange send receive by site report", "Run selected schedules now")
    expect(page.get_by_text("Asked for 2 report runs of 1 schedule")).to_be_visible()
    for report in (BY_HAND, f"failed-{BY_HAND}"):
        wait_for_report(home, report)
    page.get_by_role("link", name="what becomes of them").click()
    run = page.get_by_role("row").filter(has=page.get_by_role("link", name=BY_HAND, exact=True))
    expect(run.filter(has_text="Squamish")).to_contain_text("sent")
