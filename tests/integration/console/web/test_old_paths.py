"""Every link of the reports' documentation of old leads to the rows it means."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Clients = Callable[[str], Any]
TASKS = "/admin/django_celery_beat/periodictask/"
PREFERENCES = "/admin/dynamic_preferences/globalpreferencemodel/"
SUBSCRIPTIONS = "/admin/ssl_cert_tracker/subscription/"
#: The words of each link in the documentation, and the schedule it means.
SCHEDULES = {
    "Exchange+report+failed+email+verification+between+domains": (
        "Exchange report failed email verification between domains"
    ),
    "Exchange+report+all+email+verification+between+domains": (
        "Exchange report all email verification between domains"
    ),
    "Exchange+report+verification+not+executed": "Exchange report verification not executed",
    "Exchange+send+receive+by+bot": "Exchange send receive by bot report",
    "Exchange+send+receive+by+site": "Exchange send receive by site report",
    "No+receive+exchange+servers+report": "No receive exchange servers report",
    "No+send+exchange+servers+report": "No send exchange servers report",
    "No+connect+exchange+servers+report": "No connect exchange servers report",
    "Dead+exchange+servers+report": "Dead exchange servers report",
    "Dead+exchange+databases+report": "Dead exchange databases report",
}
#: The subscriptions that the documentation says are listed at its link.
NAMED_SUBSCRIPTIONS = {
    "Mail Verification Report",
    "Exchange Send Receive By Site",
    "Exchange Failed Send Receive By Site",
    "Exchange Servers No Receive",
    "Exchange Servers No Send",
    "Exchange Servers No Connection",
    "Exchange Servers Not Seen",
    "Exchange Databases Not Seen",
}


def follow(client: Any, place: str) -> Any:
    answer = client.get(place)
    assert answer.status_code == 302
    page = client.get(answer.headers["location"])
    assert page.status_code == 200
    return page


def rows(page: Any) -> list[str]:
    return [row.name for row in page.context["cl"].result_list]


@pytest.mark.parametrize(("words", "name"), SCHEDULES.items())
def test_a_schedule_is_found_by_the_words_of_its_link(client_as: Clients, words: str, name: str) -> None:
    assert rows(follow(client_as("viewer"), f"{TASKS}?q={words}")) == [name]


@pytest.mark.parametrize("words", ["report_interval", "report_level"])
def test_a_preference_is_found_by_the_words_of_its_link(client_as: Clients, words: str) -> None:
    page = follow(client_as("viewer"), f"{PREFERENCES}?q={words}")

    assert [preference.key for preference in page.context["form"].preferences] == [f"exchange__{words}"]


@pytest.mark.parametrize("place", [TASKS, TASKS[:-1], f"{TASKS}7/change/"])
def test_all_schedules_are_listed(client_as: Clients, place: str) -> None:
    assert set(rows(follow(client_as("viewer"), place))) == set(SCHEDULES.values())


@pytest.mark.parametrize(
    "place", [SUBSCRIPTIONS, "/admin/p_soc_auto_base/subscription/", f"{SUBSCRIPTIONS}12/change/"]
)
def test_all_subscriptions_are_listed(client_as: Clients, place: str) -> None:
    assert set(rows(follow(client_as("viewer"), place))) >= NAMED_SUBSCRIPTIONS


def test_a_subscription_is_found_by_words(client_as: Clients) -> None:
    page = follow(client_as("viewer"), f"{SUBSCRIPTIONS}?q=databases+not+seen")

    assert rows(page) == ["Exchange Databases Not Seen"]


@pytest.mark.parametrize("place", ["/admin", "/admin/", "/admin/auth/group/", "/admin/../secret"])
def test_anything_else_leads_to_the_overview(client_as: Clients, place: str) -> None:
    assert client_as("viewer").get(place).headers["location"] == "/"


def test_an_old_link_asks_for_a_login_that_leads_on_to_it(console: object) -> None:
    from django.test import Client

    asked = Client(headers={"host": "localhost"}).get(f"{TASKS}?q=Dead+exchange")

    assert asked.headers["location"] == f"/login/?next={TASKS}%3Fq%3DDead%2Bexchange"
