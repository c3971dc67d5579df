"""The console's page of its history."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.integration
Browser = Callable[[str], Any]


@pytest.fixture(autouse=True)
def changes(client_as: Browser, database: psycopg.Connection) -> None:
    """An operator has added a site and changed it; an administrator has changed another one."""
    database.execute("TRUNCATE console.django_admin_log; DELETE FROM bot; DELETE FROM site")
    client_as("operator").post(
        "/mailroom/site/add/", {"name": "paris", "enabled": "on", "notes": "<b>new</b>"}
    )
    client_as("operator").post("/mailroom/site/paris/change/", {"name": "paris", "notes": "moved"})
    client_as("admin").post("/mailroom/site/add/", {"name": "<i>rome</i>", "enabled": "on"})


def listed(client: Any, query: str = "") -> list[tuple[str, int, str]]:
    page = client.get(f"/admin/logentry/{query}")
    return [
        (entry.user.username, entry.action_flag, entry.object_repr)
        for entry in page.context["cl"].result_list
    ]


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_everybody_sees_who_did_what_the_latest_first(client_as: Browser, role: str) -> None:
    assert listed(client_as(role)) == [
        ("admin", 1, "<i>rome</i>"),
        ("operator", 2, "paris"),
        ("operator", 1, "paris"),
    ]


def test_the_history_is_searched_by_user_and_by_thing(client_as: Browser) -> None:
    assert len(listed(client_as("viewer"), "?q=operator")) == 2
    assert len(listed(client_as("viewer"), "?q=paris")) == 2
    assert len(listed(client_as("viewer"), "?q=operator+rome")) == 0


def test_an_entry_leads_to_what_was_changed_and_is_escaped(client_as: Browser) -> None:
    page = client_as("viewer").get("/admin/logentry/").content.decode()
    assert '<a href="/mailroom/site/paris/change/">paris</a>' in page
    assert "Changed Enabled and Notes." in page
    assert "<i>rome" not in page


def test_nobody_changes_the_history(client_as: Browser, database: psycopg.Connection) -> None:
    (entry,) = database.execute("SELECT min(id) FROM console.django_admin_log").fetchone() or (0,)
    for address in ("add/", f"{entry}/change/", f"{entry}/delete/"):
        assert client_as("admin").post(f"/admin/logentry/{address}", {"post": "yes"}).status_code == 403
    client_as("admin").post("/admin/logentry/", {"action": "delete_selected", "_selected_action": [entry]})
    assert database.execute("SELECT count(*) FROM console.django_admin_log").fetchone() == (3,)
