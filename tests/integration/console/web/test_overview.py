"""The overview and `mailroom status`, against what the database and the broker really hold."""

import json
import re
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pika
import psycopg
import pytest
from typer.testing import CliRunner

from demo.servers.rabbitmq import Broker
from services.console.cli import app
from shared.broker import Outcome, Outgoing, Topology
from shared.broker.publisher import Publisher
from shared.database.statements import load_statements
from shared.settings import Settings
from shared.wire import BouncesPoll
from tests.servers import environment

pytestmark = pytest.mark.integration
SQL = load_statements("tests.integration.console", "status.sql")
ClientAs = Callable[[str], Any]
#: Messages that the test puts on each queue.
DEPTHS = {
    "report-commands": 4,
    "bounce-commands": 0,
    "mail-out": 3,
    "retry.10s": 0,
    "retry.1m": 0,
    "retry.10m": 0,
    "retry.1h": 1,
    "parked": 2,
}
#: What the page has to show of all that; charts leave out what is older than they go back.
NUMBERS = {
    "runs-sent": 5,
    "runs-empty": 4,
    "runs-skipped": 3,
    "runs-in-progress": 2,
    "runs-failed": 2,
    "bounces-waiting": 2,
    "bounces-leased": 1,
    "quarantined": 3,
    "deliveries-delivered": 6,
    "deliveries-deferred": 2,
    "deliveries-failed": 4,
    "in-doubt": 4,
    "held": 2,
    "parked": 2,
    "mail-out": 3,
    "retry": 1,
    "report-commands": 4,
    "bounce-commands": 0,
    "schedules-enabled": 8,
    "schedules-disabled": 2,
    "muted-subscriptions": 1,
    "runs-per-hour-sent": 5,
    "runs-per-hour-not-sent": 7,
    "runs-per-hour-in-progress": 2,
    "runs-per-hour-failed": 2,
    "bounces-per-hour-sender-told": 4,
    "bounces-per-hour-discarded": 2,
    "bounces-per-hour-kept-for-a-digest": 0,
    "bounces-per-hour-quarantined": 3,
    "deliveries-per-hour-delivered": 6,
    "deliveries-per-hour-open": 0,
    "deliveries-per-hour-deferred": 2,
    "deliveries-per-hour-failed": 4,
}
#: Numbers of messages, which have no rows.
WITHOUT_ROWS = {"mail-out", "retry", "report-commands", "bounce-commands"}


@pytest.fixture(scope="module", autouse=True)
def filled(console: Settings, database: psycopg.Connection) -> None:
    """A known number of everything."""
    database.execute(SQL["fill"])
    topology = Topology.of(console)
    poll = BouncesPoll("a-poll", database.execute("SELECT now()").fetchone()[0])  # type: ignore[index]
    routes = {
        "report-commands": (topology.name("commands"), "report.run"),
        "mail-out": (topology.name("mail-out"), "mail"),
        "retry.1h": topology.step_address("mail-out", timedelta(hours=1)),
        "parked": (topology.parked_exchange, ""),
    }
    messages = [
        Outgoing(*routes[queue], f"{queue}-{number}", poll.TYPE, poll.encode())
        for queue, depth in DEPTHS.items()
        for number in range(depth)
    ]
    publisher = Publisher(console.amqp_url, "test", topology, timeout=20)
    publisher.start()
    assert set(publisher.publish(messages)) == {Outcome.CONFIRMED}
    publisher.stop()


@pytest.fixture
def status(console: Settings) -> Any:
    """What `mailroom status --json` prints."""
    broker = Broker(",".join(console.amqp_url), console.amqp_prefix)
    variables = environment(console.database_url, broker, MAILROOM_DATABASE_URL=console.database_url)
    result = CliRunner().invoke(app, ["status", "--json"], env=variables, catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def numbers(page: Any) -> dict[str, int | None]:
    """What a page shows, by name; None where it shows that it does not know."""
    shown = re.findall(r'data-number="([^"]+)" data-value="(\d*)"', page.content.decode())
    return {name: int(value) if value else None for name, value in shown}


def test_the_command_line_agrees_with_the_database_and_the_broker(status: Any, console: Settings) -> None:
    database = status["database"]
    assert database["runs"] == {
        "scheduled": 1,
        "running": 1,
        "fanned-out": 1,
        "sent": 5,
        "empty": 4,
        "skipped": 3,
        "failed": 2,
    }
    assert [run["error"] for run in database["failed_runs"]] == ["took too long"] * 2
    assert (database["bounces_waiting"], database["bounces_leased"], database["quarantined"]) == (2, 1, 3)
    assert 1200 <= database["oldest_bounce_age_seconds"] < 3600
    assert (database["in_doubt"], database["held"], database["undelivered_reports"]) == (4, 2, 1)
    assert len(database["failed_deliveries"]) == database["deliveries"]["failed"] == 4
    assert database["poll"]["outcome"] == "found"
    assert [muted["name"] for muted in database["muted_subscriptions"]] == ["Exchange Servers No Send"]
    assert status["queues"] == DEPTHS == depths_by_the_broker(console)


def test_what_wants_attention_is_named(status: Any) -> None:
    assert status["verdict"] == "attention"
    assert [trouble["subject"] for trouble in status["troubles"]] == [
        "failed-runs",
        "bounces-waiting",
        "quarantined",
        "undelivered-reports",
        "in-doubt",
        "parked",
    ]


def test_the_overview_shows_the_same_numbers(client_as: ClientAs, status: Any) -> None:
    page = client_as("viewer").get("/")
    assert numbers(page) == NUMBERS
    assert "a bounced entry has waited for 20 min" in page.content.decode().lower()
    due = re.findall(r'data-due="([^"]+)"', page.content.decode())
    assert due == ["bounce poll", *(each["schedule"] for each in status["database"]["next_firings"])]
    runs = re.findall(r'data-run="([^"]+)"', page.content.decode())
    assert runs == [
        run["run_id"] for run in status["database"]["latest_runs"] + status["database"]["failed_runs"]
    ]


def test_each_number_leads_to_its_rows(client_as: ClientAs) -> None:
    viewer = client_as("viewer")
    links = dict(re.findall(r'id="tile-([^"]+)" href="([^"]+)"', viewer.get("/").content.decode()))
    assert links.keys() == {name for name in NUMBERS if "per-hour" not in name}
    for name, address in links.items():
        rows = viewer.get(address.replace("&amp;", "&"))
        assert rows.status_code == 200, name
        if name not in WITHOUT_ROWS:
            listed = rows.context["rows"] if name == "parked" else rows.context["cl"].result_list
            assert len(listed) == NUMBERS[name], name


def test_what_came_from_outside_is_escaped(client_as: ClientAs) -> None:
    page = client_as("viewer").get("/").content.decode()
    assert "&lt;b&gt;a&lt;/b&gt;@example.com" in page
    assert "<script>no" not in page


def test_a_page_that_refreshes_itself_does_not_prolong_the_login(client_as: ClientAs) -> None:
    from django.contrib.sessions.models import Session

    viewer = client_as("viewer")
    before = Session.objects.get(pk=viewer.session.session_key).expire_date
    refreshed = viewer.get("/overview/")
    assert numbers(refreshed) == NUMBERS
    assert not refreshed.cookies
    assert Session.objects.get(pk=viewer.session.session_key).expire_date == before
    viewer.get("/")
    assert Session.objects.get(pk=viewer.session.session_key).expire_date > before


def test_without_a_login_there_is_nothing_to_see(console: Settings) -> None:
    from django.test import Client

    for address in ("/", "/overview/"):
        assert Client(headers={"host": "localhost"}).get(address).status_code == 302


def test_when_the_broker_is_away_the_overview_says_so_and_shows_the_rest(
    client_as: ClientAs, console: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = console.model_copy(update={"amqp_url": ("amqp://guest:guest@localhost:1/",)})
    monkeypatch.setattr("services.console.web.overview.view.mailroom_settings", lambda: away)
    page = client_as("viewer").get("/")
    queues = {"parked", *WITHOUT_ROWS}
    assert numbers(page) == {name: None if name in queues else number for name, number in NUMBERS.items()}
    assert "The broker does not answer" in page.content.decode()


def depths_by_the_broker(settings: Settings) -> dict[str, int]:
    with closing(pika.BlockingConnection(pika.URLParameters(settings.amqp_url[0]))) as connection:
        channel = connection.channel()
        return {
            name: channel.queue_declare(f"{settings.amqp_prefix}.{name}", passive=True).method.message_count
            for name in DEPTHS
        }
