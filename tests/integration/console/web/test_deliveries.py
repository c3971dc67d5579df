"""The console's page of the delivery ledger."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared.database.statements import load_statements

pytestmark = pytest.mark.integration
Clients = Callable[[str], Any]
SQL = load_statements("tests.integration.console.web", "work.sql")
LIST = "/mailroom/delivery/"
RUN = "00000000-0000-4000-8000-000000000001"
NDR = "00000000-0000-4000-8000-000000000002"


@pytest.fixture(autouse=True)
def ledger(database: psycopg.Connection) -> None:
    database.execute("DELETE FROM mail_delivery")
    database.execute(SQL["deliveries"], {"report": f"report.{RUN}", "ndr": f"ndr.{NDR}"})


def found(client: Any, query: str = "") -> list[str]:
    page = client.get(f"{LIST}?{query}")
    assert page.status_code == 200
    return [delivery.recipient for delivery in page.context["cl"].result_list]


def test_what_is_in_doubt_comes_first(client_as: Clients, database: psycopg.Connection) -> None:
    viewer = client_as("viewer")
    assert found(viewer) == ["carol@x.y", "dan@x.y"]

    database.execute("DELETE FROM mail_delivery WHERE recipient IN ('carol@x.y', 'dan@x.y')")
    assert found(viewer) == ["ann@x.y", "Bob@x.y"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("in_doubt=no", ["ann@x.y", "Bob@x.y", "carol@x.y", "dan@x.y"]),
        ("in_doubt=yes", ["carol@x.y", "dan@x.y"]),
        ("state__exact=failed", ["Bob@x.y"]),
        ("kind__exact=ndr", ["carol@x.y"]),
        ("q=BOB@X.Y", ["Bob@x.y"]),
        (f"q={RUN}", ["ann@x.y", "Bob@x.y"]),
        (f"q=ndr.{NDR}", ["carol@x.y"]),
        ("q=rep", ["ann@x.y", "Bob@x.y"]),
        ("q=nothing", []),
    ],
)
def test_deliveries_are_found(client_as: Clients, query: str, expected: list[str]) -> None:
    assert found(client_as("viewer"), query) == expected


def test_a_mail_shows_all_its_recipients_and_leads_to_its_run(client_as: Clients) -> None:
    text = client_as("viewer").get(f"{LIST}report.{RUN}/change/").content.decode()

    assert "ann@x.y: delivered" in text
    assert "Bob@x.y: failed" in text
    assert "550 &lt;b&gt;no&lt;/b&gt;" in text
    assert f"/mailroom/reportrun/{RUN}/change/" in text


def test_a_held_mail_leads_to_its_ndr_and_to_what_can_be_done(client_as: Clients) -> None:
    text = client_as("viewer").get(f"{LIST}ndr.{NDR}/change/").content.decode()

    assert f"/mailroom/auditrecord/?q={NDR}" in text
    assert "/mailroom/parkedmessage/" in text


def test_an_unknown_mail_is_answered_with_the_nearest(client_as: Clients) -> None:
    page = client_as("viewer").get(f"{LIST}othr/change/", follow=True)

    assert "did you mean &#x27;other&#x27;?" in page.content.decode()
