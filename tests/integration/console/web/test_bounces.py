"""The console's pages of the bounce queue and of quarantine."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared.database.statements import load_statements
from tests.integration.console.conftest import ORIGINAL

pytestmark = pytest.mark.integration
Clients = Callable[[str], Any]
SQL = load_statements("tests.integration.console.web", "work.sql")
QUEUE = "/mailroom/queueentry/"
QUARANTINE = "/mailroom/quarantinedentry/"


@pytest.fixture(autouse=True)
def entries(database: psycopg.Connection) -> None:
    database.execute("DELETE FROM queue_entry; DELETE FROM bounce_quarantine; TRUNCATE bounce_audit")
    database.execute("DELETE FROM spooled_message; DELETE FROM console.django_admin_log")
    database.execute(SQL["spooled"], {"content": ORIGINAL})
    database.execute(SQL["queued"])
    database.execute(SQL["quarantined"])


def found(client: Any, query: str = "") -> list[int]:
    page = client.get(f"{QUEUE}?{query}")
    assert page.status_code == 200
    return [entry.pk for entry in page.context["cl"].result_list]


def actions(database: psycopg.Connection) -> list[Any]:
    return database.execute("SELECT entry_id, action FROM bounce_audit ORDER BY entry_id").fetchall()


def history() -> list[tuple[str, str | None, str]]:
    from django.contrib.admin.models import LogEntry

    return [
        (entry.user.get_username(), entry.object_id, entry.change_message) for entry in LogEntry.objects.all()
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [13, 12, 11]),
        ("state=waiting", [11]),
        ("state=leased", [12]),
        ("state=deferred", [13]),
        ("q=LEASED@X.Y", [12]),
        ("q=ann@EXAMPLE", [11]),
        ("q=13", [13]),
        ("q=zz", []),
    ],
)
def test_entries_are_found_by_state_and_address(client_as: Clients, query: str, expected: list[int]) -> None:
    assert found(client_as("viewer"), query) == expected


def test_an_entry_tells_why_there_is_no_ndr_and_leads_to_its_preview(client_as: Clients) -> None:
    text = client_as("viewer").get(f"{QUEUE}11/change/").content.decode()

    assert "the entry waits for the next poll" in text
    assert "/preview/entry/11/" in text
    assert "/why/?address=Ann%40example.com" in text
    assert "550 5.1.1 &lt;i&gt;unknown&lt;/i&gt;" in text


def test_discarding_asks_first_then_audits_and_is_noted(
    client_as: Clients, database: psycopg.Connection
) -> None:
    operator = client_as("operator")
    choice = {"action": "discard_selected", "_selected_action": ["11"]}

    asked = operator.post(QUEUE, choice)
    assert "Ann@example.com to waiting@x.y" in asked.content.decode()
    assert actions(database) == []

    operator.post(QUEUE, {**choice, "confirmed": "1"})
    assert actions(database) == [(11, "discarded-by-operator")]
    assert history() == [("operator", "11", "Discarded.")]


def test_what_a_worker_has_is_not_discarded(client_as: Clients, database: psycopg.Connection) -> None:
    choice = {"action": "discard_selected", "_selected_action": ["11", "12"], "confirmed": "1"}

    page = client_as("operator").post(QUEUE, choice, follow=True)

    assert "Nothing was changed: entry 12 belongs to a worker" in page.content.decode()
    assert actions(database) == []
    assert history() == []


def test_a_quarantined_entry_says_why_and_can_be_put_back(
    client_as: Clients, database: psycopg.Connection
) -> None:
    operator = client_as("operator")
    assert "sender has no domain" in operator.get(QUARANTINE).content.decode()
    assert "none could be made" in operator.get(f"{QUARANTINE}21/change/").content.decode()

    operator.post(QUARANTINE, {"action": "requeue_selected", "_selected_action": ["21"]})

    assert database.execute("SELECT status FROM queue_entry WHERE entry_id = 21").fetchone() == ("bounced",)
    assert database.execute("SELECT count(*) FROM bounce_quarantine").fetchone() == (0,)
    assert history() == [("operator", "21", "Put back into the queue.")]


@pytest.mark.parametrize(
    ("place", "action", "entry"),
    [
        (QUEUE, "discard_selected", 11),
        (QUARANTINE, "discard_selected", 21),
        (QUARANTINE, "requeue_selected", 21),
    ],
)
def test_a_viewer_changes_nothing(
    client_as: Clients, database: psycopg.Connection, place: str, action: str, entry: int
) -> None:
    client_as("viewer").post(place, {"action": action, "_selected_action": [str(entry)], "confirmed": "1"})

    assert actions(database) == []
    assert database.execute("SELECT count(*) FROM queue_entry").fetchone() == (3,)
    assert database.execute("SELECT count(*) FROM bounce_quarantine").fetchone() == (1,)
