"""The console's page of the NDR audit, and of why somebody got no NDR."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from services.console.bounces.audit import first_since
from shared.database.statements import load_statements

pytestmark = pytest.mark.integration
Clients = Callable[[str], Any]
SQL = load_statements("tests.integration.console.web", "work.sql")
LIST = "/mailroom/auditrecord/"
NDR = "00000000-0000-4000-8000-000000000001"
#: Enough for the planner to prefer an index where there is one.
_MANY = 50_000


@pytest.fixture(autouse=True, scope="module")
def audit(database: psycopg.Connection) -> Iterator[None]:
    database.execute("TRUNCATE bounce_audit RESTART IDENTITY")
    database.execute(SQL["audited"], {"many": _MANY, "ndr": NDR})
    database.execute(SQL["ndr_delivered"], {"mail_id": f"ndr.{NDR}"})
    database.execute("ANALYZE bounce_audit")
    yield
    database.execute("TRUNCATE bounce_audit")


def found(client: Any, query: str = "") -> list[int]:
    page = client.get(f"{LIST}?{query}")
    assert page.status_code == 200
    return [record.entry_id for record in page.context["cl"].result_list]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=ann@EXAMPLE.com", [900002]),
        ("q=bob@x.y", [900002]),
        ("q=%3C%3E", [900001]),
        ("q=900001", [900001]),
        (f"q=ndr.{NDR}", [900002]),
        ("q=nobody@nowhere.example", []),
        ("q=s5@example.com&since=hour&action=reported", []),
        ("action=discarded-null-sender", [900001]),
        ("action=discarded-by-operator", []),
        (f"q={_MANY}", [_MANY]),
    ],
)
def test_records_are_found(client_as: Clients, query: str, expected: list[int]) -> None:
    assert found(client_as("viewer"), query) == expected


def test_a_list_begins_with_the_latest_and_can_be_limited_to_them(client_as: Clients) -> None:
    viewer = client_as("viewer")

    assert found(viewer)[:2] == [900002, 900001]
    assert found(viewer, "since=hour&p=2")[-1] == _MANY - 59


def test_searches_read_no_more_than_they_find(client_as: Clients) -> None:
    viewer = client_as("viewer")
    for query in ("q=s5@example.com", "q=no@body.example", f"q={NDR}", "q=77", "since=day"):
        with CaptureQueriesContext(connection) as captured:
            found(viewer, query)
        assert len(captured) < 20
        for statement in captured.captured_queries:
            if '"bounce_audit"' in statement["sql"] and statement["sql"].startswith("SELECT"):
                plan = "\n".join(row[0] for row in _explain(statement["sql"]))
                assert "Seq Scan on bounce_audit" not in plan, (query, plan)


def _explain(statement: str) -> list[tuple[str]]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        return list(cursor.fetchall())


def test_the_first_record_since_a_time_is_found_by_halves(database: psycopg.Connection) -> None:
    times: list[datetime] = [
        at
        for (at,) in database.execute(
            "SELECT audited_at FROM bounce_audit WHERE audit_id IN (1, 31000, 50000)"
        )
    ]

    assert [first_since(database, at) for at in sorted(times)] == [1, 31_000, 50_000]
    assert first_since(database, max(times) + timedelta(days=1)) is None


def test_a_record_tells_what_became_of_its_ndr(client_as: Clients, database: psycopg.Connection) -> None:
    (key,) = database.execute("SELECT audit_id FROM bounce_audit WHERE entry_id = 900002").fetchone() or ()

    text = client_as("viewer").get(f"{LIST}{key}/change/").content.decode()

    assert f"NDR ndr.{NDR} told Ann@example.com that the message did not reach Bob@x.y" in text
    assert "accepted by the mail server (250 ok)" in text
    assert f"/mailroom/delivery/?q=ndr.{NDR}" in text


def test_why_tells_the_same_as_the_command_line(client_as: Clients) -> None:
    viewer = client_as("viewer")

    assert "there is nobody to tell" in viewer.get("/why/?address=null@X.y").content.decode()
    assert f"NDR ndr.{NDR} told" in viewer.get("/why/?address=<ANN@example.com>").content.decode()
    unknown = viewer.get("/why/?address=anne@example.com").content.decode()
    assert "Did you mean" in unknown
    assert 'href="?address=Ann%40example.com"' in unknown
    assert "<script>@b.c" not in viewer.get("/why/?address=a%22><script>@b.c").content.decode()


def test_nobody_asks_why_without_a_login(console: object) -> None:
    from django.test import Client

    assert Client(headers={"host": "localhost"}).get("/why/?address=a@b.c").status_code == 302
