"""The console's pages of what is monitored."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.integration

Clients = Callable[[str], Any]
SEEN = "2026-07-01 12:00:00+00"


@pytest.fixture(autouse=True)
def inventory(database: psycopg.Connection) -> None:
    for table in ("bot_event", "bot", "domain_pair", "site", "exchange_database", "exchange_server"):
        database.execute(f"DELETE FROM {table}")
    database.execute("INSERT INTO site (name, notes) VALUES ('london', 'the old house'), ('paris', NULL)")
    database.execute(
        f"INSERT INTO bot (host_name, site, last_seen) VALUES ('b1', 'paris', '{SEEN}'), ('b2', NULL, NULL)"
    )
    database.execute(
        f"INSERT INTO exchange_server (name, last_seen) VALUES ('ex1', '{SEEN}'), ('ex2', '{SEEN}')"
    )
    database.execute(
        f"""INSERT INTO exchange_database (name, server, last_access)
            VALUES ('db1', 'ex1', '{SEEN}'), ('db1', 'ex2', NULL)"""
    )
    database.execute(
        """INSERT INTO domain_pair (site, from_domain, to_domain, status, is_expired)
           VALUES ('paris', 'a.example', 'b.example', 'PASS', false),
                  (NULL, 'a.example', 'c.example', 'FAIL', true)"""
    )


def shown(client: Any, page: str, query: str = "") -> list[str]:
    answer = client.get(f"/mailroom/{page}/?{query}")
    assert answer.status_code == 200
    return [str(row) for row in answer.context["cl"].result_list]


def act(client: Any, page: str, action: str, query: str = "") -> Any:
    rows = client.get(f"/mailroom/{page}/?{query}").context["cl"].result_list
    sent = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(f"/mailroom/{page}/?{query}", sent, follow=True)


@pytest.mark.parametrize(
    ("page", "query", "found"),
    [
        ("site", "q=old+house", ["london"]),
        ("bot", "q=paris", ["b1"]),
        ("bot", "site__name__exact=paris", ["b1"]),
        ("bot", "site__isnull=True", ["b2"]),
        ("server", "q=EX2", ["ex2"]),
        ("server", "enabled__exact=0", []),
        ("database", "server__name__exact=ex2", ["db1 on ex2"]),
        ("database", "q=db1+ex1", ["db1 on ex1"]),
        ("domainpair", "status__exact=FAIL", ["a.example to c.example"]),
        ("domainpair", "is_expired__exact=0", ["a.example to b.example"]),
        ("domainpair", "site__name__exact=paris&q=b.example", ["a.example to b.example"]),
    ],
)
def test_the_inventory_is_searched_and_filtered(
    client_as: Clients, page: str, query: str, found: list[str]
) -> None:
    assert shown(client_as("viewer"), page, query) == found


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("site", "/mailroom/bot/?site__name__exact=paris"),
        ("site", "/mailroom/domainpair/?site__name__exact=paris"),
        ("bot", "/mailroom/site/paris/change/"),
        ("server", "/mailroom/database/?server__name__exact=ex1"),
        ("database", "/mailroom/server/ex1/change/"),
        ("domainpair", "/mailroom/site/paris/change/"),
    ],
)
def test_pages_lead_to_what_belongs_together(client_as: Clients, page: str, link: str) -> None:
    viewer = client_as("viewer")

    assert f"href='{link}'" in viewer.get(f"/mailroom/{page}/").content.decode()
    assert viewer.get(link).status_code == 200


@pytest.mark.parametrize(
    ("page", "table"),
    [
        ("site", "site"),
        ("bot", "bot"),
        ("server", "exchange_server"),
        ("database", "exchange_database"),
        ("domainpair", "domain_pair"),
    ],
)
def test_operators_switch_and_viewers_do_not(
    client_as: Clients, database: psycopg.Connection, page: str, table: str
) -> None:
    look = f"SELECT DISTINCT enabled FROM {table}"

    act(client_as("viewer"), page, "disable_selected")
    assert database.execute(look).fetchall() == [(True,)]
    told = act(client_as("operator"), page, "disable_selected")
    assert database.execute(look).fetchall() == [(False,)]
    assert "2 " in told.content.decode()
    act(client_as("operator"), page, "enable_selected")
    assert database.execute(look).fetchall() == [(True,)]


def test_pairs_are_expired_and_brought_back(client_as: Clients, database: psycopg.Connection) -> None:
    act(client_as("operator"), "domainpair", "expire_selected")
    assert database.execute("SELECT DISTINCT is_expired FROM domain_pair").fetchall() == [(True,)]
    act(client_as("operator"), "domainpair", "unexpire_selected")
    assert database.execute("SELECT DISTINCT is_expired FROM domain_pair").fetchall() == [(False,)]
    act(client_as("viewer"), "domainpair", "expire_selected")
    assert database.execute("SELECT DISTINCT is_expired FROM domain_pair").fetchall() == [(False,)]


def test_nobody_edits_when_something_was_seen(client_as: Clients, database: psycopg.Connection) -> None:
    client_as("operator").post(
        "/mailroom/server/ex1/change/",
        {"name": "other", "last_seen_0": "2020-01-01", "last_seen_1": "00:00", "last_seen": "2020-01-01"},
    )

    look = f"SELECT enabled FROM exchange_server WHERE name = 'ex1' AND last_seen = '{SEEN}'"
    assert database.execute(look).fetchall() == [(False,)]


def test_what_a_collector_wrote_meanwhile_stays(client_as: Clients, database: psycopg.Connection) -> None:
    from services.console.web.models import Server
    from services.console.web.pages.servers import ServerPage

    read_before = Server.objects.get(name="ex1")
    database.execute("UPDATE exchange_server SET last_seen = now() WHERE name = 'ex1'")
    read_before.enabled = False
    form = type("Form", (), {"changed_data": ["enabled"]})()
    from django.contrib import admin

    ServerPage(Server, admin.site).save_model(None, read_before, form, True)  # type: ignore[arg-type]

    look = "SELECT enabled, last_seen > now() - interval '1 hour' FROM exchange_server WHERE name = 'ex1'"
    assert database.execute(look).fetchone() == (False, True)


def test_a_bot_with_events_is_kept_and_one_without_is_deleted(
    client_as: Clients, database: psycopg.Connection
) -> None:
    database.execute(
        "INSERT INTO bot_event (bot, event_group_id, status, type) VALUES ('b1', 'g', 'PASS', 'send')"
    )
    operator = client_as("operator")

    assert operator.post("/mailroom/bot/b1/delete/", {"post": "yes"}).status_code == 403
    assert operator.post("/mailroom/bot/b2/delete/", {"post": "yes"}).status_code == 302
    assert database.execute("SELECT host_name FROM bot").fetchall() == [("b1",)]


def test_a_server_is_deleted_with_its_databases_and_says_so(
    client_as: Clients, database: psycopg.Connection
) -> None:
    operator = client_as("operator")

    assert "db1 on ex1" in operator.get("/mailroom/server/ex1/delete/").content.decode()
    operator.post("/mailroom/server/ex1/delete/", {"post": "yes"})
    assert database.execute("SELECT server FROM exchange_database").fetchall() == [("ex2",)]
    assert client_as("viewer").post("/mailroom/server/ex2/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("page", ["bot", "server", "database", "domainpair"])
def test_nobody_adds_what_appears_by_itself(client_as: Clients, page: str) -> None:
    assert client_as("admin").get(f"/mailroom/{page}/add/").status_code == 403


@pytest.mark.parametrize("page", ["site", "bot", "server", "database", "domainpair"])
def test_lists_take_few_queries(client_as: Clients, page: str) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    operator = client_as("operator")
    with CaptureQueriesContext(connection) as queries:
        operator.get(f"/mailroom/{page}/")
    assert len(queries) < 20
