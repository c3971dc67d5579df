"""The console's page of subscriptions."""

from collections.abc import Callable
from contextlib import closing
from email import message_from_bytes, policy
from typing import Any

import pika
import psycopg
import pytest

from services.report_worker.mail_body import keep_message
from shared.broker import MAIL_OUT, Topology
from shared.settings import Settings
from shared.wire import Mail

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("declared")]

LIST = "/mailroom/subscription/"
NO_SEND = "Exchange Servers No Send"
BY_SITE = "Exchange Send Receive By Site"
Clients = Callable[[str], Any]


@pytest.fixture(autouse=True)
def subscriptions(database: psycopg.Connection) -> None:
    database.execute("DELETE FROM subscription WHERE name = 'Test'; DELETE FROM site")
    database.execute(
        """UPDATE subscription
           SET enabled = true, emails_list = 'ann@example.com', mute_until = NULL, tags = '', columns = '',
               from_email = 'mailroom@example.com', updated_by = NULL"""
    )


def key_of(database: psycopg.Connection, name: str) -> int:
    row = database.execute("SELECT id FROM subscription WHERE name = %s", (name,)).fetchone()
    assert row is not None
    return int(row[0])


def stored(database: psycopg.Connection, what: str, name: str = NO_SEND) -> Any:
    row = database.execute(f"SELECT {what} FROM subscription WHERE name = %s", (name,)).fetchone()
    return row[0] if row and len(row) == 1 else row


def form(page: Any) -> dict[str, Any]:
    """What a browser sends back of a change form."""
    fields = page.context["adminform"].form
    sent = {name: fields.get_initial_for_field(field, name) for name, field in fields.fields.items()}
    return {name: value for name, value in sent.items() if value not in (None, False)}


def change(client: Any, database: psycopg.Connection, **changed: str) -> Any:
    place = f"{LIST}{key_of(database, NO_SEND)}/change/"
    return client.post(place, {**form(client.get(place)), **changed})


def opened_list(client: Any) -> dict[str, Any]:
    """The list as a browser sends it back."""
    rows = client.get(LIST).context["cl"].formset
    sent = {field.html_name: field.value() for field in rows.management_form}
    for field in (field for row in rows for field in row):
        sent |= {field.html_initial_name: field.value(), field.html_name: field.value() or ""}
    return {**sent, "_save": "Save"}


def change_in_list(client: Any, database: psycopg.Connection, emails_list: str) -> Any:
    """Send the list back with one row changed."""
    sent = opened_list(client)
    key = key_of(database, NO_SEND)
    (row,) = [number for number in range(sent["form-TOTAL_FORMS"]) if sent[f"form-{number}-id"] == key]
    return client.post(LIST, {**sent, f"form-{row}-emails_list": emails_list})


def act(client: Any, database: psycopg.Connection, action: str, *names: str) -> Any:
    keys = [key_of(database, name) for name in names]
    return client.post(LIST, {"action": action, "_selected_action": keys}, follow=True)


def history(name: str = NO_SEND) -> list[str]:
    from django.contrib.admin.models import LogEntry

    entries = LogEntry.objects.filter(object_repr=name).order_by("id")
    return [f"{entry.user}: {entry.change_message}" for entry in entries]


def mailed(settings: Settings) -> list[Mail]:
    """Take the mails out of the relay's queue."""
    mails = []
    with closing(pika.BlockingConnection(pika.URLParameters(settings.amqp_url[0]))) as connection:
        channel = connection.channel()
        while (taken := channel.basic_get(Topology.of(settings).name(MAIL_OUT), auto_ack=True))[0]:
            mails.append(Mail.decode(taken[1].type, taken[2]))
    return mails


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=SEND+servers+no", [NO_SEND]),
        ("q=nobody", []),
        ("muted=yes", [NO_SEND]),
        ("enabled__exact=0", [BY_SITE]),
        ("muted=no&q=no+connection", ["Exchange Servers No Connection"]),
    ],
)
def test_subscriptions_are_found_by_words_and_filters(
    client_as: Clients, database: psycopg.Connection, query: str, found: list[str]
) -> None:
    database.execute("UPDATE subscription SET mute_until = now() + '1h' WHERE name = %s", (NO_SEND,))
    database.execute("UPDATE subscription SET enabled = false WHERE name = %s", (BY_SITE,))

    page = client_as("viewer").get(f"{LIST}?{query}")

    assert [row.name for row in page.context["cl"].result_list] == found


def test_recipients_are_changed_in_the_list(client_as: Clients, database: psycopg.Connection) -> None:
    change_in_list(client_as("operator"), database, emails_list="Ann <ann@example.com>, bob@example.com")

    assert stored(database, "emails_list, updated_by") == (
        "Ann <ann@example.com>, bob@example.com",
        "operator",
    )
    assert '"Recipients"' in history()[-1]
    assert stored(database, "updated_by", BY_SITE) is None


def test_a_list_opened_before_another_change_does_not_undo_it(
    client_as: Clients, database: psycopg.Connection
) -> None:
    operator = client_as("operator")
    old = opened_list(operator)
    database.execute("UPDATE subscription SET emails_list = 'eve@example.com' WHERE name = %s", (BY_SITE,))
    before = stored(database, "updated_at", BY_SITE)

    assert operator.post(LIST, {**old, "form-0-emails_list": "bob@example.com"}).status_code == 302

    assert stored(database, "emails_list, updated_at", BY_SITE) == ("eve@example.com", before)
    assert database.execute(
        "SELECT count(*) FROM subscription WHERE emails_list = 'bob@example.com'"
    ).fetchone() == (1,)


def test_a_subscription_is_added(client_as: Clients, database: psycopg.Connection) -> None:
    operator = client_as("operator")
    sent = {"name": "Test", "from_email": "a@example.com", "template_name": "report", "attachment": "xlsx"}

    assert operator.get(f"{LIST}add/").status_code == 200
    assert "It names nobody" in operator.post(f"{LIST}add/", sent).content.decode()
    assert operator.post(f"{LIST}add/", {**sent, "emails_list": "ann@example.com"}).status_code == 302
    assert stored(database, "emails_list, attachment, updated_by", "Test") == (
        "ann@example.com",
        "xlsx",
        "operator",
    )


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("ann@example.com, bob", "&#x27;bob&#x27; is no address"),
        ("ann@example.com, ANN@example.com", "is there more than once"),
        (" ", "It names nobody"),
    ],
)
def test_recipients_that_are_none_are_refused_in_the_list_and_on_the_form(
    client_as: Clients, database: psycopg.Connection, typed: str, message: str
) -> None:
    operator = client_as("operator")

    assert message in change_in_list(operator, database, emails_list=typed).content.decode()
    assert message in change(operator, database, emails_list=typed).content.decode()
    assert stored(database, "emails_list") == "ann@example.com"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"columns": "name, colour"}, "has no column &#x27;colour&#x27;"),
        ({"tags": "SOC\nBcc: all@example.com"}, "more than one line"),
        ({"from_email": "mailroom"}, "is no address"),
        ({"template_name": "other"}, "There is no template"),
        ({"mute_until_0": "2020-01-01", "mute_until_1": "00:00"}, "This is past"),
    ],
)
def test_what_a_report_could_not_follow_is_refused(
    client_as: Clients, database: psycopg.Connection, changed: dict[str, str], message: str
) -> None:
    before = stored(database, "columns, tags, from_email, template_name, mute_until")

    assert message in change(client_as("operator"), database, **changed).content.decode()
    assert stored(database, "columns, tags, from_email, template_name, mute_until") == before


def test_an_old_mistake_does_not_stand_in_the_way_of_another_change(
    client_as: Clients, database: psycopg.Connection
) -> None:
    database.execute(
        "UPDATE subscription SET emails_list = 'ann@example.com, bob' WHERE name = %s", (NO_SEND,)
    )

    assert change(client_as("operator"), database, tags="SOC, night").status_code == 302
    assert stored(database, "tags, updated_by") == ("SOC, night", "operator")


def test_the_form_names_the_reports_and_schedules_that_use_it(
    client_as: Clients, database: psycopg.Connection
) -> None:
    page = client_as("viewer").get(f"{LIST}{key_of(database, NO_SEND)}/change/").content.decode()

    assert "Reports: no-send-servers." in page
    assert "No send exchange servers report</a>" in page
    assert f"/preview/subscription/{key_of(database, NO_SEND)}/" in page
    assert "Send a test mail" not in page


@pytest.mark.parametrize(
    ("action", "span"), [("mute_for_hour", "1h"), ("mute_for_day", "1d"), ("mute_for_week", "7d")]
)
def test_a_subscription_is_muted_for_a_while_and_unmuted(
    client_as: Clients, database: psycopg.Connection, action: str, span: str
) -> None:
    operator = client_as("operator")

    act(operator, database, action, NO_SEND)
    assert stored(
        database, f"abs(extract(epoch FROM mute_until - now() - interval '{span}')) < 60, updated_by"
    ) == (True, "operator")
    act(operator, database, "unmute", NO_SEND)
    assert stored(database, "mute_until") is None
    assert history()[-1] == "operator: Unmuted."


def test_a_test_mail_goes_to_one_reader_alone(
    client_as: Clients, database: psycopg.Connection, console: Settings
) -> None:
    database.execute("UPDATE subscription SET enabled = false, tags = 'SOC' WHERE name = %s", (NO_SEND,))
    place = f"{LIST}{key_of(database, NO_SEND)}/test-mail/"
    operator = client_as("operator")
    from django.contrib.auth.models import User

    User.objects.filter(username="operator").update(email="me@example.com")
    assert 'value="me@example.com"' in operator.get(place).content.decode()

    page = operator.post(place, {"what": "no-send-servers", "reader": "me@example.com"}, follow=True)

    assert "on its way to me@example.com" in page.content.decode()
    (mail,) = mailed(console)
    assert (mail.mail_from, mail.rcpt_to, mail.kind) == (
        "mailroom@example.com",
        ("me@example.com",),
        "report",
    )
    assert isinstance(mail.message, bytes)
    message = message_from_bytes(mail.message, policy=policy.default)
    assert message["To"] == "me@example.com"
    assert message["Subject"].startswith("[TEST][SOC] ")
    assert database.execute("SELECT FROM report_run").fetchall() == []
    assert "Test mail of no-send-servers sent to me@example.com" in history()[-1]


def test_a_report_for_each_site_is_tested_with_one_of_them(
    client_as: Clients, database: psycopg.Connection, console: Settings
) -> None:
    database.execute(
        "INSERT INTO site (name, enabled) VALUES ('london', true), ('paris', true), ('rome', false)"
    )
    place = f"{LIST}{key_of(database, BY_SITE)}/test-mail/"
    operator = client_as("operator")

    page = operator.get(place).content.decode()
    assert "events-by-site: london" in page
    assert "rome" not in page
    operator.post(place, {"what": "events-by-site/paris", "reader": "me@example.com"})

    (mail,) = mailed(console)
    assert isinstance(mail.message, bytes)
    assert "site paris" in message_from_bytes(mail.message, policy=policy.default)["Subject"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"reader": "me, you@example.com"}, "This is no address"),
        ({"what": "dead-servers"}, "Select a valid choice"),
    ],
)
def test_no_test_mail_goes_elsewhere(
    client_as: Clients,
    database: psycopg.Connection,
    console: Settings,
    changed: dict[str, str],
    message: str,
) -> None:
    place = f"{LIST}{key_of(database, NO_SEND)}/test-mail/"
    sent = {"what": "no-send-servers", "reader": "me@example.com", **changed}

    assert message in client_as("operator").post(place, sent).content.decode()
    assert mailed(console) == []


def test_a_mail_too_large_for_the_broker_is_kept_for_the_relay(
    database: psycopg.Connection, console: Settings
) -> None:
    from services.console.web.pages.page import transaction

    with transaction() as connection:
        reference = keep_message(connection, "report.large", b"large")

    assert reference.size == 5
    assert database.execute("SELECT content FROM mail_body").fetchall() == [(b"large",)]


def test_a_viewer_changes_nothing(
    client_as: Clients, database: psycopg.Connection, console: Settings
) -> None:
    viewer = client_as("viewer")
    key = key_of(database, NO_SEND)

    act(viewer, database, "disable_selected", NO_SEND)
    act(viewer, database, "mute_for_day", NO_SEND)
    sent = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": str(key), "_save": "Save"}
    viewer.post(LIST, {**sent, "form-0-emails_list": "eve@example.com"})
    assert viewer.post(f"{LIST}{key}/change/", {"emails_list": "eve@example.com"}).status_code == 403
    trial = {"what": "no-send-servers", "reader": "me@example.com"}
    assert viewer.post(f"{LIST}{key}/test-mail/", trial).status_code == 403

    assert stored(database, "enabled, emails_list, mute_until") == (True, "ann@example.com", None)
    assert mailed(console) == []


def test_a_subscription_that_a_report_uses_is_not_deleted(
    client_as: Clients, database: psycopg.Connection
) -> None:
    database.execute("INSERT INTO subscription (name, from_email) VALUES ('Test', 'mailroom@example.com')")
    operator = client_as("operator")

    assert operator.post(f"{LIST}{key_of(database, NO_SEND)}/delete/", {"post": "yes"}).status_code == 403
    assert operator.post(f"{LIST}{key_of(database, 'Test')}/delete/", {"post": "yes"}).status_code == 302
    assert stored(database, "enabled", "Test") is None


def test_the_list_takes_few_queries(client_as: Clients) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    operator = client_as("operator")
    with CaptureQueriesContext(connection) as queries:
        operator.get(LIST)
    assert len(queries) < 20
