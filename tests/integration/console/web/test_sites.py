"""The console's page of sites."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def sites(database: psycopg.Connection) -> None:
    database.execute("DELETE FROM bot; DELETE FROM site")
    database.execute("INSERT INTO site (name) VALUES ('london'), ('paris')")
    database.execute("INSERT INTO bot (host_name, site) VALUES ('b1', 'paris'), ('b2', 'paris')")


def test_the_list_shows_every_site_with_its_bots(client_as: Callable[[str], Any]) -> None:
    page = client_as("viewer").get("/mailroom/site/")
    assert page.status_code == 200
    assert [(site.name, site.bot_count) for site in page.context["cl"].result_list] == [
        ("london", 0),
        ("paris", 2),
    ]


def test_a_viewer_may_not_change_a_site(
    client_as: Callable[[str], Any], database: psycopg.Connection
) -> None:
    answer = client_as("viewer").post("/mailroom/site/paris/change/", {"name": "paris", "notes": ""})
    assert answer.status_code == 403
    assert database.execute("SELECT enabled FROM site WHERE name = 'paris'").fetchone() == (True,)


def test_an_operator_disables_a_site(client_as: Callable[[str], Any], database: psycopg.Connection) -> None:
    answer = client_as("operator").post("/mailroom/site/paris/change/", {"name": "paris", "notes": "moved"})
    assert answer.status_code == 302
    assert database.execute("SELECT enabled, notes FROM site WHERE name = 'paris'").fetchone() == (
        False,
        "moved",
    )


def test_nobody_looks_without_a_login(console: object) -> None:
    from django.test import Client

    answer = Client(headers={"host": "localhost"}).get("/mailroom/site/")
    assert (answer.status_code, answer.headers["location"]) == (302, "/login/?next=/mailroom/site/")
