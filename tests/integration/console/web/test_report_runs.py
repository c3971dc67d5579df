"""The console's page of report runs."""

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from demo.servers.rabbitmq import Broker
from shared.database.statements import load_statements
from shared.settings import Settings
from tests.integration.console.test_schedules import published

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("declared")]
Clients = Callable[[str], Any]
SQL = load_statements("tests.integration.console.web", "work.sql")
LIST = "/mailroom/reportrun/"
PARENT = "00000000-0000-4000-8000-000000000001"
CHILD = "00000000-0000-4000-8000-000000000002"
SENT = "aaaaaaaa-0000-4000-8000-000000000003"
FAILED = "aaaaaaaa-0000-4000-8000-000000000004"


@pytest.fixture(autouse=True)
def runs(database: psycopg.Connection) -> None:
    database.execute("DELETE FROM report_run; DELETE FROM exchange_server; DELETE FROM site")
    database.execute("INSERT INTO site (name) VALUES ('london')")
    database.execute("INSERT INTO exchange_server (name) VALUES ('ex1'), ('ex2')")
    database.execute(SQL["runs"], {"parent": PARENT, "child": CHILD, "sent": SENT, "failed": FAILED})


@pytest.fixture
def broker(console: Settings) -> Broker:
    return Broker(console.amqp_url[0], console.amqp_prefix)


def found(client: Any, query: str = "") -> list[str]:
    page = client.get(f"{LIST}?{query}")
    assert page.status_code == 200
    return [str(run.pk) for run in page.context["cl"].result_list]


def test_the_latest_runs_come_first_with_what_became_of_them(client_as: Clients) -> None:
    page = client_as("viewer").get(LIST)

    assert [str(run.pk) for run in page.context["cl"].result_list] == [FAILED, SENT, CHILD, PARENT]
    text = page.content.decode()
    assert "QueryFailed: &lt;b&gt;no such column&lt;/b&gt;" in text
    assert "2s" in text
    assert "london" in text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=aaaaaaaa", [FAILED, SENT]),
        (f"q=report.{SENT}", [SENT]),
        ("q=servers+send", [SENT]),
        ("q=by+site+Exchange", [CHILD, PARENT]),
        ("q=nothing+like+it", []),
        ("state__exact=failed", [FAILED]),
        ("state__in=sent,failed", [FAILED, SENT]),
        ("report=dead-servers", [FAILED]),
        ("requested_by=operator", [FAILED, SENT]),
        ("schedule=Exchange+send+receive+by+site+report", [CHILD, PARENT]),
        ("created_at__gte=2026-07-01+13:30:00%2b00:00", [FAILED]),
        (f"parent_run_id={PARENT}", [CHILD]),
    ],
)
def test_runs_are_found(client_as: Clients, query: str, expected: list[str]) -> None:
    assert found(client_as("viewer"), query) == expected


def test_a_run_leads_to_its_children_and_back_and_to_its_mail(client_as: Clients) -> None:
    viewer = client_as("viewer")

    parent = viewer.get(f"{LIST}{PARENT}/change/").content.decode()
    child = viewer.get(f"{LIST}{CHILD}/change/").content.decode()
    sent = viewer.get(f"{LIST}{SENT}/change/").content.decode()
    assert f"{LIST}{CHILD}/change/" in parent
    assert f"{LIST}{PARENT}/change/" in child
    assert f"/mailroom/delivery/?q=report.{SENT}" in sent
    assert f"/preview/run/{SENT}/" in sent
    assert (
        "QueryFailed: &lt;b&gt;no such column&lt;/b&gt;"
        in viewer.get(f"{LIST}{FAILED}/change/").content.decode()
    )


def test_the_csv_is_that_of_the_run_or_is_said_not_to_be(
    client_as: Clients, database: psycopg.Connection
) -> None:
    viewer, address = client_as("viewer"), f"{LIST}{SENT}/csv/"
    first = b"".join(viewer.get(address).streaming_content)
    assert first.startswith("\ufeff".encode())
    assert b"ex1" in first

    digest = hashlib.sha256(first).hexdigest()
    database.execute("UPDATE report_run SET csv_sha256 = %s WHERE run_id = %s", (digest, SENT))
    same = viewer.get(address)
    assert b"".join(same.streaming_content) == first
    assert "no-send-servers" in same.headers["Content-Disposition"]

    database.execute("INSERT INTO exchange_server (name) VALUES ('ex3')")
    changed = viewer.get(address)
    assert "These are not the rows that were mailed" in changed.content.decode()
    assert b"ex3" in b"".join(viewer.get(f"{address}?changed=1").streaming_content)


def test_a_run_for_every_site_has_no_csv_of_its_own(client_as: Clients) -> None:
    page = client_as("viewer").get(f"{LIST}{PARENT}/csv/", follow=True)

    assert "There is no CSV: run" in page.content.decode()


def test_a_viewer_cannot_run_anything_again(client_as: Clients, database: psycopg.Connection) -> None:
    viewer = client_as("viewer")

    assert viewer.post(f"{LIST}{SENT}/again/").status_code == 403
    viewer.post(LIST, {"action": "repeat_selected", "_selected_action": [SENT]})
    assert "Run again" not in viewer.get(f"{LIST}{SENT}/change/").content.decode()
    assert database.execute("SELECT count(*) FROM report_run").fetchone() == (4,)


def test_running_again_is_a_new_run_for_the_same_time(
    client_as: Clients, database: psycopg.Connection, broker: Broker
) -> None:
    page = client_as("operator").post(f"{LIST}{SENT}/again/", follow=True)

    (command,) = published(broker)
    assert (command.report, command.scope, command.requested_by) == ("no-send-servers", None, "operator")
    assert command.nominal_at.isoformat() == "2026-07-01T13:00:00+00:00"
    assert f"again, as run <a href='{LIST}{command.run_id}/change/'>" in page.content.decode().replace(
        '"', "'"
    )
    entered = database.execute(
        "SELECT state, requested_by, parent_run_id FROM report_run WHERE run_id = %s", (command.run_id,)
    ).fetchone()
    assert entered == ("scheduled", "operator", None)
    assert_noted(SENT, f"Run again as {command.run_id}.")


def test_selected_runs_are_all_run_again_or_none(
    client_as: Clients, database: psycopg.Connection, broker: Broker
) -> None:
    operator = client_as("operator")
    database.execute("UPDATE site SET enabled = false")

    page = operator.post(LIST, {"action": "repeat_selected", "_selected_action": [SENT, CHILD]}, follow=True)
    assert "Not run again: there is no enabled site" in page.content.decode()
    assert published(broker) == []

    database.execute("UPDATE site SET enabled = true")
    operator.post(LIST, {"action": "repeat_selected", "_selected_action": [SENT, CHILD]})
    assert {(run.report, str(run.scope)) for run in published(broker)} == {
        ("no-send-servers", "None"),
        ("events-by-site", "{'site': 'london'}"),
    }


def assert_noted(run_id: str, what: str) -> None:
    from django.contrib.admin.models import LogEntry

    entry = LogEntry.objects.get(object_id=str(UUID(run_id)))
    assert (entry.user.get_username(), entry.change_message) == ("operator", what)
