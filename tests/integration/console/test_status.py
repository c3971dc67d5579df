"""`mailroom status` on a real database and a real broker, and without one of them."""

import psycopg
import pytest

from tests.integration.console.conftest import Mailroom

pytestmark = pytest.mark.integration
#: Nobody listens there.
NO_BROKER = "amqp://guest:guest@localhost:1/"
NO_DATABASE = "postgresql://localhost:1/mailroom"


def test_it_tells_what_is_due_next_and_which_queues_nobody_has_declared_yet(mailroom: Mailroom) -> None:
    status = mailroom.json("status")
    assert {firing["schedule"] for firing in status["database"]["next_firings"]} == {
        schedule["name"] for schedule in mailroom.json("schedules", "list")
    }
    assert set(status["queues"].values()) == {None}
    assert [trouble["subject"] for trouble in status["troubles"]] == ["poll"]


def test_without_the_broker_it_says_so_and_shows_the_rest(mailroom: Mailroom) -> None:
    mailroom.add("a@example.com", "b@example.com")
    mailroom.variables["MAILROOM_AMQP_URL"] = NO_BROKER
    result = mailroom("status")
    assert result.exit_code == 0
    assert "the broker does not answer" in result.stdout
    assert "bounces waiting" in result.stdout
    status = mailroom.json("status")
    assert (status["queues"], status["database"]["bounces_waiting"]) == (None, 2)


def test_on_a_database_that_lacks_migrations_it_names_them(
    mailroom: Mailroom, fresh_database_url: str
) -> None:
    mailroom.variables["MAILROOM_DATABASE_URL"] = fresh_database_url
    status = mailroom.json("status")
    assert status["missing_migrations"][0] == "0001_monitoring"
    assert (status["database"], status["verdict"]) == (None, "attention")


def test_without_the_database_it_fails(mailroom: Mailroom) -> None:
    mailroom.variables["MAILROOM_DATABASE_URL"] = NO_DATABASE
    result = mailroom("status")
    assert result.exit_code == 1
    assert isinstance(result.exception, psycopg.OperationalError)
