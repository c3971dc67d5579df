"""Who gets in, and what each role sees and may do."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.house import House
from tests.browser.conftest import OpenAs
from tests.browser.seat import log_in

pytestmark = pytest.mark.integration

SCHEDULE = "Dead exchange servers report"
#: How the controls begin that change something.
CHANGES = re.compile(r"^(Add|Delete|Disable|Discard|Enable|Go|Replay|Requeue|Run|Save|Send)\b")


def send(page: Page, address: str, **fields: str) -> int:
    """Send a form as whoever is logged in, also one that no page showed; returns the status of the answer."""
    token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    form: dict[str, str | float | bool] = {"csrfmiddlewaretoken": token, **fields}
    return page.request.post(address, form=form, max_redirects=0).status


def key_of_the_schedule(home: House) -> str:
    ((key,),) = home.rows(f"SELECT id::text FROM mailroom.schedule WHERE name = '{SCHEDULE}'")
    return str(key)


def is_enabled(home: House) -> bool:
    return home.rows(f"SELECT enabled FROM mailroom.schedule WHERE name = '{SCHEDULE}'") == [(True,)]


def test_whoever_is_not_logged_in_is_sent_to_the_login_and_then_back(open_as: OpenAs) -> None:
    page = open_as()
    page.goto("/mailroom/schedule/?q=dead")
    expect(page).to_have_url("/login/?next=/mailroom/schedule/%3Fq%3Ddead")
    log_in(page, "viewer")
    expect(page).to_have_url("/mailroom/schedule/?q=dead")


def test_a_wrong_password_is_refused_in_words_that_do_not_say_which_was_wrong(open_as: OpenAs) -> None:
    known, unknown = open_as(), open_as()
    log_in(known, "viewer", "not the password")
    log_in(unknown, "nobody", "not the password")
    words = known.get_by_text("Please enter the correct").inner_text()
    expect(unknown.get_by_text("Please enter the correct")).to_have_text(words)
    known.goto("/")
    expect(known).to_have_url("/login/?next=/")


def test_a_viewer_sees_no_button_and_is_refused_by_the_server(open_as: OpenAs, home: House) -> None:
    page = open_as("viewer")
    for model in ("schedule", "subscription", "preference", "reportrun", "parkedmessage", "site"):
        page.goto(f"/mailroom/{model}/")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        for control in (page.get_by_role("button", name=CHANGES), page.get_by_role("link", name=CHANGES)):
            expect(control).to_have_count(0)
        expect(page.get_by_role("checkbox")).to_have_count(0)
    key = key_of_the_schedule(home)
    assert send(page, f"/mailroom/schedule/{key}/change/", name=SCHEDULE) == 403
    assert send(page, "/mailroom/schedule/disable-all/", confirmed="1") == 403
    send(page, "/mailroom/schedule/", action="disable_selected", _selected_action=key)
    assert is_enabled(home)


def test_an_operator_changes_schedules_and_is_refused_the_users(open_as: OpenAs, home: House) -> None:
    page = open_as("operator")
    page.goto("/mailroom/schedule/")
    expect(page.get_by_role("button", name=CHANGES).first).to_be_visible()
    expect(page.get_by_role("link", name=CHANGES).first).to_be_visible()
    key = key_of_the_schedule(home)
    assert send(page, "/mailroom/schedule/", action="disable_selected", _selected_action=key) == 302
    assert not is_enabled(home)
    home.connection.execute("UPDATE mailroom.schedule SET enabled = true")
    answer = page.goto("/auth/user/")
    assert answer
    assert answer.status == 403
    page.goto("/")
    expect(page.get_by_role("link", name="Users")).to_have_count(0)


def test_an_administrator_sees_the_users(open_as: OpenAs) -> None:
    page = open_as("admin")
    page.goto("/")
    page.get_by_role("link", name="Users").first.click()
    expect(page.get_by_role("row", name="operator")).to_be_visible()
