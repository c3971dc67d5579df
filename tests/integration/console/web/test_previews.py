"""Previews of mails, exactly as they are sent."""

import hashlib
from collections.abc import Callable
from html import unescape
from typing import Any

import psycopg
import pytest

from shared.database.statements import load_statements
from shared.settings import Settings
from tests.integration.console.conftest import ORIGINAL

pytestmark = pytest.mark.integration
Clients = Callable[[str], Any]
RUN = "00000000-0000-4000-8000-000000000001"
PARENT = "00000000-0000-4000-8000-000000000002"
SQL = load_statements("tests.integration.console.web", "work.sql")


@pytest.fixture(autouse=True)
def work(database: psycopg.Connection) -> None:
    database.execute("DELETE FROM report_run; DELETE FROM exchange_server; DELETE FROM site")
    database.execute("DELETE FROM queue_entry; DELETE FROM bounce_quarantine; DELETE FROM spooled_message")
    database.execute("UPDATE subscription SET mute_until = NULL, enabled = true, attachment = 'csv'")
    database.execute("INSERT INTO exchange_server (name) VALUES ('ex<1>')")
    database.execute("INSERT INTO site (name) VALUES ('london'), ('paris')")
    database.execute(SQL["previewed"], {"run": RUN, "parent": PARENT})
    database.execute(SQL["spooled"], {"content": ORIGINAL})
    database.execute(SQL["queued"])
    database.execute(SQL["quarantined"])


def shown(client: Any, address: str) -> str:
    page = client.get(address)
    assert page.status_code == 200
    return unescape(page.content.decode())


def key_of(database: psycopg.Connection, subscription: str) -> int:
    (key,) = database.execute("SELECT id FROM subscription WHERE name = %s", (subscription,)).fetchone() or (
        0,
    )
    return int(key)


def test_the_mail_of_a_run_has_its_identity_window_and_time(client_as: Clients) -> None:
    viewer = client_as("viewer")

    text = shown(viewer, f"/preview/run/{RUN}/")
    assert f"<report.{RUN}@mx1.mailroom.example>" in text
    assert "over the last 6 hours" in text
    assert "Wed, 01 Jul 2026 12:00:00" in text
    assert "To exchange-administrators@example.com." in text
    whole = viewer.get(f"/preview/run/{RUN}/mail/")
    assert whole.content.startswith(b"From: ")
    assert f"X-Mailroom-Run-ID: {RUN}".encode() in whole.content
    assert whole.headers["Content-Disposition"] == 'attachment; filename="mail.eml"'


def test_rows_that_have_changed_since_are_told_apart(
    client_as: Clients, database: psycopg.Connection
) -> None:
    viewer = client_as("viewer")
    assert "These are not the rows that this run had" in shown(viewer, f"/preview/run/{RUN}/")

    csv = viewer.get(f"/preview/run/{RUN}/file/0/").content
    assert b"ex<1>" in csv
    database.execute(
        "UPDATE report_run SET csv_sha256 = %s WHERE run_id = %s", (hashlib.sha256(csv).hexdigest(), RUN)
    )
    assert "The rows are those that this run had." in shown(viewer, f"/preview/run/{RUN}/")


def test_html_comes_from_an_address_of_its_own_that_can_do_nothing(client_as: Clients) -> None:
    viewer = client_as("viewer")

    assert (
        f'<iframe class="preview-html" sandbox title="The mail\'s HTML" src="/preview/run/{RUN}/html/">'
        in shown(viewer, f"/preview/run/{RUN}/")
    )
    html = viewer.get(f"/preview/run/{RUN}/html/")
    assert "ex&lt;1&gt;" in html.content.decode()
    assert html.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
    )


def test_a_run_for_every_site_has_no_mail_of_its_own(client_as: Clients) -> None:
    viewer = client_as("viewer")

    assert "it became a run for each" in shown(viewer, f"/preview/run/{PARENT}/")
    assert viewer.get(f"/preview/run/{PARENT}/html/").status_code == 404


def test_the_notice_of_a_failed_run_is_shown_as_its_owners_got_it(
    client_as: Clients, database: psycopg.Connection
) -> None:
    database.execute(
        "UPDATE report_run SET state = 'failed', csv_sha256 = NULL, mail_id = 'report-failure.' || run_id,"
        " error = 'QueryFailed: its query was cancelled' WHERE run_id = %s",
        (RUN,),
    )
    viewer = client_as("viewer")

    assert "its query was cancelled" in shown(viewer, f"/preview/run/{RUN}/")
    assert f"<report-failure.{RUN}@mx1" in shown(viewer, f"/preview/run/{RUN}/")
    database.execute("UPDATE report_run SET error = 'KeyError: a secret' WHERE run_id = %s", (RUN,))
    assert "a secret" not in shown(viewer, f"/preview/run/{RUN}/")


def test_a_subscription_shows_each_of_its_reports_for_each_site(
    client_as: Clients, database: psycopg.Connection
) -> None:
    viewer = client_as("viewer")
    address = f"/preview/subscription/{key_of(database, 'Exchange Send Receive By Site')}/"

    assert "events-by-site</option>" in shown(viewer, address)
    paris = shown(viewer, f"{address}?report=events-by-site&about=paris&at=2026-07-01T12:00:00%2B00:00")
    assert "for site paris" in paris
    assert "html/?report=events-by-site&at=2026-07-01T12%3A00%3A00%2B00%3A00&about=paris" in paris
    assert "there is no report of this subscription 'dead-servers'" in shown(
        viewer, f"{address}?report=dead-servers"
    )


def test_a_muted_subscription_is_shown_and_said_not_to_be_mailed(
    client_as: Clients, database: psycopg.Connection
) -> None:
    database.execute("UPDATE subscription SET mute_until = now() + interval '1 day'")
    address = f"/preview/subscription/{key_of(database, 'Exchange Servers No Send')}/"

    text = shown(client_as("viewer"), address)

    assert "It would not be mailed now: subscription 'Exchange Servers No Send' is muted until" in text
    assert "X-Mailroom-Report" in text


def test_the_ndr_of_an_entry_is_shown_with_its_status_and_what_it_returns(
    client_as: Clients, database: psycopg.Connection
) -> None:
    viewer = client_as("viewer")

    text = shown(viewer, "/preview/entry/11/")
    assert "Entry 11 to waiting@x.y: reported." in text
    assert "To Ann@example.com." in text
    assert "Final-Recipient: rfc822; waiting@x.y\n" in text
    assert "From: ann@example.com\nSubject: hello\n" in text
    returned = viewer.get("/preview/entry/11/file/1/")
    assert returned.content == ORIGINAL
    assert returned.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    untouched = database.execute(
        "SELECT ndr_id, leased_until FROM queue_entry WHERE entry_id = 11"
    ).fetchone()
    assert untouched == (None, None)


def test_a_quarantined_entry_is_shown_too_and_one_that_tells_nobody_says_so(client_as: Clients) -> None:
    viewer = client_as("viewer")

    assert "Final-Recipient: rfc822; stuck@x.y" in shown(viewer, "/preview/entry/21/")
    assert "/mailroom/quarantinedentry/21/change/" in shown(viewer, "/preview/entry/21/")
    nobody = shown(viewer, "/preview/entry/12/")
    assert "discarded-null-sender" in nobody
    assert "There would be no mail." in nobody
    assert "99 is no bounced entry" in shown(viewer, "/preview/entry/99/")


def test_reports_are_read_by_the_role_for_it(
    client_as: Clients, console: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings as configured

    from services.console.web.composing import reports_pool

    monkeypatch.setattr(configured, "MAILROOM", console.model_copy(update={"reports_database_url": None}))

    with reports_pool().connection() as connection:
        (role, database) = connection.execute("SELECT current_user, current_database()").fetchone() or (
            "",
            "",
        )
    assert role == f"{database}_reports"
    assert "X-Mailroom-Report" in shown(client_as("viewer"), f"/preview/run/{RUN}/")


@pytest.mark.parametrize("address", [f"run/{RUN}", "subscription/1", "entry/11"])
def test_nobody_looks_without_a_login_or_a_role(console: Settings, address: str, client_as: Clients) -> None:
    from django.test import Client

    assert Client(headers={"host": "localhost"}).get(f"/preview/{address}/").status_code == 302
    for part in ("", "html/", "mail/", "file/0/"):
        assert client_as("nobody in particular").get(f"/preview/{address}/{part}").status_code == 403
