"""The links of Mail Collector's documentation, each opened in the console as people have bookmarked them."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import OpenAs
from tests.browser.seat import Seat, log_in

pytestmark = pytest.mark.integration

SCHEDULES = "/admin/django_celery_beat/periodictask/"
SUBSCRIPTIONS = "/admin/ssl_cert_tracker/subscription/"
PREFERENCES = "/admin/dynamic_preferences/globalpreferencemodel/"


@pytest.fixture(scope="module")
def page(own_seat: Seat, browser: Browser) -> Iterator[Page]:
    """A viewer's, for one link after the other."""
    with own_seat.context(browser, "viewer") as context:
        yield context.new_page()


def names(page: Page) -> Locator:
    """The name that begins each row of the list."""
    return page.locator("#result_list tbody th a")


@pytest.mark.parametrize(
    ("words", "schedule"),
    [
        (
            "Exchange+report+failed+email+verification+between+domains",
            "Exchange report failed email verification between domains",
        ),
        (
            "Exchange+report+all+email+verification+between+domains",
            "Exchange report all email verification between domains",
        ),
        ("Exchange+report+verification+not+executed", "Exchange report verification not executed"),
        ("Exchange+send+receive+by+bot", "Exchange send receive by bot report"),
        ("Exchange+send+receive+by+site", "Exchange send receive by site report"),
        ("No+receive+exchange+servers+report", "No receive exchange servers report"),
        ("No+send+exchange+servers+report", "No send exchange servers report"),
        ("No+connect+exchange+servers+report", "No connect exchange servers report"),
        ("Dead+exchange+servers+report", "Dead exchange servers report"),
        ("Dead+exchange+databases+report", "Dead exchange databases report"),
    ],
)
def test_a_link_to_a_periodic_task_shows_its_schedule_alone(page: Page, words: str, schedule: str) -> None:
    page.goto(f"{SCHEDULES}?q={words}")
    expect(page).to_have_url(f"/mailroom/schedule/?q={words}")
    expect(names(page)).to_have_text([re.compile(f"^{schedule}")])


@pytest.mark.parametrize("link", [SCHEDULES, SCHEDULES.removesuffix("/")], ids=["slash", "no slash"])
def test_the_link_to_all_periodic_tasks_shows_every_schedule(page: Page, link: str) -> None:
    page.goto(link)
    expect(page).to_have_url("/mailroom/schedule/")
    expect(names(page)).to_have_count(10)


@pytest.mark.parametrize("link", [SUBSCRIPTIONS, "/admin/p_soc_auto_base/subscription/"])
def test_the_link_to_the_subscriptions_shows_those_that_the_documentation_names(
    page: Page, link: str
) -> None:
    page.goto(link)
    expect(page).to_have_url("/mailroom/subscription/")
    assert {
        "Mail Verification Report",
        "Exchange Send Receive By Site",
        "Exchange Failed Send Receive By Site",
        "Exchange Servers No Receive",
        "Exchange Servers No Send",
        "Exchange Servers No Connection",
        "Exchange Servers Not Seen",
        "Exchange Databases Not Seen",
    } <= {name.partition("\n")[0] for name in names(page).all_inner_texts()}


@pytest.mark.parametrize("name", ["report_interval", "report_level"])
def test_a_link_to_a_preference_shows_it_alone(page: Page, name: str) -> None:
    page.goto(f"{PREFERENCES}?q={name}")
    expect(page).to_have_url(f"/mailroom/preference/?q={name}")
    expect(page.get_by_text("exchange__")).to_have_text([f"exchange__{name}"])


def test_a_link_opened_without_a_login_leads_there_after_it(open_as: OpenAs) -> None:
    page = open_as()
    page.goto(f"{SCHEDULES}?q=Dead+exchange+databases+report")
    log_in(page, "viewer")
    expect(names(page)).to_have_text([re.compile("^Dead exchange databases report")])
