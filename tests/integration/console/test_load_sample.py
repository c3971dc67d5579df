import json
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from typer.testing import CliRunner

from services.console.cli import app
from services.console.sample_data.load import (
    InventoryNotEmpty,
    LoadedCounts,
    load_backlog,
    load_sample,
)
from shared.database.statements import load_statements

pytestmark = pytest.mark.integration

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
QUERIES = load_statements("tests.integration.console", "load_sample.sql")
Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def load(connection: Connection, *, replace: bool = False) -> LoadedCounts:
    return load_sample(connection, seed=2026, scale=0.2, now=NOW, replace=replace)


def count(connection: Connection, table: str) -> object:
    row = connection.execute(QUERIES[f"count_{table}"]).fetchone()
    assert row is not None
    return row[0]


def test_every_row_of_the_sample_arrives(connection: Connection) -> None:
    counts = load(connection)

    assert count(connection, "events") == counts.events > 0
    assert count(connection, "event_mails") == counts.event_mails > 0
    assert count(connection, "messages") == counts.messages > 0
    assert count(connection, "bounced") == counts.bounced_entries > 0
    assert count(connection, "messages_that_earn_a_notification") == counts.expected_ndrs > 0


def test_events_land_in_monthly_partitions(connection: Connection) -> None:
    load(connection)

    assert count(connection, "events_outside_the_monthly_partitions") == 0
    assert count(connection, "partitions_of_the_owner_role") == count(connection, "partitions")


def test_loading_twice_is_refused_and_changes_nothing(connection: Connection) -> None:
    counts = load(connection)

    with pytest.raises(InventoryNotEmpty, match="--replace"):
        load(connection)

    assert count(connection, "messages") == counts.messages


def test_replacing_leaves_one_sample_under_new_ids(connection: Connection) -> None:
    counts = load(connection)
    load(connection, replace=True)

    assert count(connection, "messages") == counts.messages
    assert count(connection, "events") == counts.events
    assert count(connection, "lowest_message_id") == counts.messages + 1


def test_loading_next_to_existing_bounces_leaves_them_alone(connection: Connection) -> None:
    connection.execute(QUERIES["insert_message_with_explicit_id"])
    load(connection)

    assert count(connection, "messages_of_the_operator") == 1
    assert count(connection, "lowest_message_id") == 1000


def test_ids_given_after_loading_are_new(connection: Connection) -> None:
    load(connection)
    highest = count(connection, "highest_message_id")

    connection.execute(QUERIES["insert_message"])

    assert count(connection, "highest_message_id") == int(str(highest)) + 1


def test_ids_of_finished_messages_are_not_given_again(connection: Connection) -> None:
    load_backlog(connection, 10, seed=1, now=NOW)
    connection.execute(QUERIES["finish_entries"])
    connection.execute(QUERIES["finish_messages"])
    load_backlog(connection, 10, seed=1, now=NOW)

    assert count(connection, "lowest_message_id") == 11


def test_a_backlog_returns_how_many_messages_it_added(connection: Connection) -> None:
    assert load_backlog(connection, 2500, seed=1, now=NOW, recipients_per_message=2) == 1250
    assert count(connection, "messages") == 1250
    assert count(connection, "bounced") == 2500


def test_the_command_prints_what_it_loaded(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILROOM_DATABASE_URL", database_url)
    runner = CliRunner()

    loaded = runner.invoke(
        app, ["db", "load-sample", "--scale", "0.1", "--now", "2026-07-01T12:00:00Z", "--json"]
    )
    status = runner.invoke(app, ["db", "status", "--json"])

    assert loaded.exit_code == 0
    assert status.exit_code == 0
    assert json.loads(status.stdout)["rows"]["bot_event"] == json.loads(loaded.stdout)["events"]
    missing = json.loads(status.stdout)["missing"]
    assert [name for name in missing if not name.startswith("console.")] == []
