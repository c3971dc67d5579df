"""The console's page of schedules."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from demo.servers.rabbitmq import Broker
from shared.settings import Settings
from tests.integration.console.test_schedules import BY_SITE, NO_SEND, published

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("declared")]

LIST = "/mailroom/schedule/"
DEAD = "Dead exchange servers report"
Clients = Callable[[str], Any]


@pytest.fixture(autouse=True)
def schedules(database: psycopg.Connection) -> None:
    database.execute("DELETE FROM schedule WHERE name LIKE 'Test%'; DELETE FROM report_run")
    database.execute("UPDATE schedule SET enabled = true, enabled_at = now() - interval '1 day'")


@pytest.fixture
def broker(console: Settings) -> Broker:
    return Broker(console.amqp_url[0], console.amqp_prefix)


def key_of(database: psycopg.Connection, name: str) -> int:
    return int(database.execute("SELECT id FROM schedule WHERE name = %s", (name,)).fetchone()[0])  # type: ignore[index]


def enabled(database: psycopg.Connection) -> dict[str, bool]:
    return dict(database.execute("SELECT name, enabled FROM schedule").fetchall())


def act(client: Any, database: psycopg.Connection, action: str, *names: str) -> Any:
    keys = [key_of(database, name) for name in names]
    return client.post(LIST, {"action": action, "_selected_action": keys}, follow=True)


def typed(**changed: str) -> dict[str, str]:
    """The form of a schedule as a browser sends it."""
    return {
        "name": "Test",
        "enabled": "on",
        "task": "report.run",
        "args": '{"reports": ["dead-servers"]}',
        "crontab": "30 6 * * 1-5",
        "every": "",
        "time_zone": "Europe/Paris",
        "catch_up": "latest",
        **changed,
    }


def errors(page: Any) -> dict[str, list[str]]:
    return dict(page.context["adminform"].form.errors)


def history(name: str) -> list[str]:
    from django.contrib.admin.models import LogEntry

    entries = LogEntry.objects.filter(object_repr=name).order_by("id")
    return [f"{entry.user}: {entry.change_message}" for entry in entries]


def names_at(client: Any, query: str) -> list[str]:
    page = client.get(f"{LIST}?{query}")
    assert page.status_code == 200
    return [row.name for row in page.context["cl"].result_list]


def test_the_list_tells_rhythm_and_next_firing_in_zone_and_utc(client_as: Clients) -> None:
    text = client_as("viewer").get(LIST).content.decode()

    assert "At 07:45, 15:45, and 23:45 every day" in text
    assert "America/Vancouver" in text
    assert "PDT" in text or "PST" in text
    assert "disable-all/" not in text


def test_an_operator_is_offered_to_disable_all(client_as: Clients) -> None:
    text = client_as("operator").get(LIST).content.decode()

    assert f'href="{LIST}disable-all/"' in text
    assert f'href="{LIST}enable-all/"' in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=BOT+by+exchange+receive", ["Exchange send receive by bot report"]),
        ("q=send+nothing", []),
        ("rhythm=interval", ["Test"]),
        ("enabled__exact=0", ["Test"]),
        ("time_zone=UTC", ["Test"]),
    ],
)
def test_schedules_are_found_by_words_and_filters(
    client_as: Clients, database: psycopg.Connection, query: str, found: list[str]
) -> None:
    database.execute("INSERT INTO schedule (name, every, enabled) VALUES ('Test', '5m', false)")

    assert names_at(client_as("viewer"), query) == found


def test_selected_schedules_are_disabled_toggled_and_enabled(
    client_as: Clients, database: psycopg.Connection
) -> None:
    operator = client_as("operator")

    act(operator, database, "disable_selected", NO_SEND, BY_SITE)
    assert {name for name, on in enabled(database).items() if not on} == {NO_SEND, BY_SITE}
    act(operator, database, "toggle_selected", NO_SEND, DEAD)
    assert {name for name, on in enabled(database).items() if not on} == {BY_SITE, DEAD}
    act(operator, database, "enable_selected", BY_SITE, DEAD)
    assert all(enabled(database).values())
    assert history(NO_SEND)[-2:] == ["operator: Disabled.", "operator: Enabled."]


def test_what_was_due_while_a_schedule_was_disabled_does_not_fire(
    client_as: Clients, database: psycopg.Connection
) -> None:
    act(client_as("operator"), database, "toggle_selected", NO_SEND)
    act(client_as("operator"), database, "toggle_selected", NO_SEND)

    since = "SELECT name FROM schedule WHERE enabled_at > now() - interval '1 minute'"
    assert database.execute(since).fetchall() == [(NO_SEND,)]


def test_every_schedule_is_disabled_after_a_question(
    client_as: Clients, database: psycopg.Connection
) -> None:
    operator = client_as("operator")

    asked = operator.get(f"{LIST}disable-all/")
    assert NO_SEND in asked.content.decode()
    assert all(enabled(database).values())

    operator.post(f"{LIST}disable-all/", {"confirmed": "1"})
    assert not any(enabled(database).values())
    operator.post(f"{LIST}enable-all/", {"confirmed": "1"})
    assert all(enabled(database).values())


def test_a_schedule_is_run_by_hand(client_as: Clients, database: psycopg.Connection, broker: Broker) -> None:
    page = act(client_as("operator"), database, "run_selected", BY_SITE)

    assert "Asked for 2 report runs of 1 schedule" in page.content.decode()
    ledger = database.execute(
        "SELECT run_id::text, report, requested_by, schedule FROM report_run"
    ).fetchall()
    assert {row[1:] for row in ledger} == {
        (report, "operator", BY_SITE) for report in ("events-by-site", "failed-events-by-site")
    }
    assert {run.run_id for run in published(broker)} == {row[0] for row in ledger}
    assert "Run by hand: events-by-site as run" in history(BY_SITE)[-1]


def test_schedules_of_which_one_cannot_be_run_are_not_run(
    client_as: Clients, database: psycopg.Connection
) -> None:
    database.execute(
        """INSERT INTO schedule (name, every, args) VALUES ('Test', '5m', '{"reports": ["dead-server"]}')"""
    )

    page = act(client_as("operator"), database, "run_selected", BY_SITE, "Test")

    assert "did you mean &#x27;dead-servers&#x27;?" in page.content.decode()
    assert database.execute("SELECT FROM report_run").fetchall() == []


@pytest.mark.parametrize("action", ["disable_selected", "toggle_selected", "run_selected"])
def test_a_viewer_has_no_actions(client_as: Clients, database: psycopg.Connection, action: str) -> None:
    act(client_as("viewer"), database, action, NO_SEND)

    assert all(enabled(database).values())
    assert database.execute("SELECT FROM report_run").fetchall() == []


def test_a_viewer_may_neither_add_nor_change_nor_disable_all(
    client_as: Clients, database: psycopg.Connection
) -> None:
    viewer = client_as("viewer")
    change = f"{LIST}{key_of(database, NO_SEND)}/change/"

    assert viewer.get(change).status_code == 200
    assert "Next firings" in viewer.get(change).content.decode()
    for place in (change, f"{LIST}add/", f"{LIST}disable-all/"):
        assert viewer.post(place, typed(confirmed="1")).status_code == 403
    assert all(enabled(database).values())


def test_a_schedule_is_added_with_a_crontab_or_an_interval(
    client_as: Clients, database: psycopg.Connection
) -> None:
    operator = client_as("operator")
    operator.post(f"{LIST}add/", typed(name="Test one"))
    operator.post(f"{LIST}add/", typed(name="Test two", crontab="", every="2d3h", enabled=""))

    stored = (
        "SELECT name, crontab, every = '51h', enabled FROM schedule WHERE name LIKE 'Test%' ORDER BY name"
    )
    assert database.execute(stored).fetchall() == [
        ("Test one", "30 6 * * 1-5", None, True),
        ("Test two", None, True, False),
    ]


@pytest.mark.parametrize(
    ("changed", "field", "message"),
    [
        ({"crontab": "61 * * * *"}, "crontab", "is no crontab"),
        ({"crontab": ""}, "crontab", "Write a crontab, or an interval"),
        ({"every": "5m"}, "every", "clear one of the two"),
        ({"crontab": "", "every": "soon"}, "every", "not a time span; write 5s, 1m, 2d3h"),
        ({"time_zone": "Europe/Pariss"}, "time_zone", "is not a time zone"),
        ({"args": '{"reports": ["dead-server"]}'}, "args", "did you mean 'dead-servers'?"),
        (
            {"args": '{"reports": ["dead-servers"], "limit": 5}'},
            "args",
            "'limit'; reports take only 'interval'",
        ),
        ({"args": "{}"}, "args", "no list of report names"),
        ({"args": "[]"}, "args", "Write an object"),
    ],
)
def test_a_schedule_that_cannot_be_read_is_not_stored(
    client_as: Clients, database: psycopg.Connection, changed: dict[str, str], field: str, message: str
) -> None:
    page = client_as("operator").post(f"{LIST}add/", typed(**changed))

    assert list(errors(page)) == [field]
    assert message in " ".join(errors(page)[field])
    assert database.execute("SELECT FROM schedule WHERE name = 'Test'").fetchall() == []


def test_a_refused_schedule_shows_its_next_firings_all_the_same(client_as: Clients) -> None:
    page = client_as("operator").post(f"{LIST}add/", typed(args="{}")).content.decode()

    assert "At 06:30 on Monday through Friday" in page
    assert page.count("06:30:00 CE") == 5


def test_the_next_firings_of_what_is_being_typed_are_told(
    client_as: Clients, database: psycopg.Connection
) -> None:
    place = f"{LIST}{key_of(database, NO_SEND)}/firings/"
    viewer = client_as("viewer")

    assert viewer.post(place, typed()).content.decode().count("06:30:00 CE") == 5
    assert "is no crontab" in viewer.post(f"{LIST}firings/", typed(crontab="* *")).content.decode()
    assert "not a time span" in viewer.post(f"{LIST}firings/", typed(every="x")).content.decode()
    assert viewer.get(place).status_code == 405
    assert database.execute("SELECT crontab FROM schedule WHERE name = %s", (NO_SEND,)).fetchone() == (
        "45 7,15,23 * * *",
    )


def test_a_changed_rhythm_begins_now_and_leaves_alone_what_the_scheduler_writes(
    client_as: Clients, database: psycopg.Connection
) -> None:
    database.execute("INSERT INTO schedule (name, every, run_count) VALUES ('Test', '5m', 7)")
    database.execute("UPDATE schedule SET enabled_at = now() - interval '1 day' WHERE name = 'Test'")

    client_as("operator").post(f"{LIST}{key_of(database, 'Test')}/change/", typed(run_count="0"))

    look = """SELECT crontab, every, run_count, enabled_at > now() - interval '1 minute' FROM schedule
              WHERE name = 'Test'"""
    assert database.execute(look).fetchone() == ("30 6 * * 1-5", None, 7, True)
    assert '"Crontab", "Interval"' in history("Test")[-1]


def test_the_list_takes_few_queries(client_as: Clients) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    viewer = client_as("viewer")
    with CaptureQueriesContext(connection) as queries:
        viewer.get(LIST)
    assert len(queries) < 20
