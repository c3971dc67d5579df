"""The console's page of parked messages, on a real broker."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from demo.servers.rabbitmq import Broker
from shared.broker import Outcome, Outgoing, Topology
from shared.broker.publisher import Publisher
from shared.settings import Settings
from shared.wire import BouncesPoll, Mail
from shared.worker.runtime import FAILURE, ORIGIN, REASON
from tests.integration.console.test_parked import take
from tests.waiting import wait_until

pytestmark = pytest.mark.integration
Clients = Callable[[str], Any]
LIST = "/mailroom/parkedmessage/"
MOMENT = datetime(2026, 11, 21, tzinfo=UTC)
POLL = BouncesPoll("a-poll", MOMENT)
MAIL = Mail("a-mail", "ndr", "", ("ann@x.y",), b"Subject: hello\r\n\r\nbody\r\n", MOMENT, MOMENT)


@pytest.fixture(scope="module")
def broker(console: Settings) -> Broker:
    return Broker(console.amqp_url[0], console.amqp_prefix)


@pytest.fixture(scope="module")
def publisher(console: Settings) -> Iterator[Publisher]:
    publisher = Publisher.of(console, "test")
    publisher.start()
    wait_until(lambda: publisher.connected)  # so that every queue is declared
    yield publisher
    publisher.stop()


@pytest.fixture
def parked(broker: Broker, publisher: Publisher, database: psycopg.Connection) -> None:
    """A poll that could not be read, and a mail that is held in doubt."""
    topology = Topology(broker.prefix)
    outgoing = []
    for message, origin in ((POLL, "bounce-commands"), (MAIL, "mail-out")):
        headers = {ORIGIN: origin, REASON: "the <body> is bad", FAILURE: "Poison"}
        outgoing.append(
            Outgoing(
                topology.parked_exchange, "", message.message_id, message.TYPE, message.encode(), headers
            )
        )
    assert set(publisher.publish(outgoing)) == {Outcome.CONFIRMED}
    database.execute("DELETE FROM mail_delivery; DELETE FROM console.django_admin_log")
    database.execute(
        "INSERT INTO mail_delivery (mail_id, recipient, kind, mail_from, state, in_doubt)"
        " VALUES ('a-mail', 'ann@x.y', 'ndr', '', 'held', 1)"
    )


@pytest.fixture(autouse=True)
def emptied(broker: Broker) -> Iterator[None]:
    yield
    for queue in ("parked", "bounce-commands", "mail-out"):
        while take(broker, queue):
            pass


def history() -> list[tuple[str, str | None, str]]:
    from django.contrib.admin.models import LogEntry

    return [
        (entry.user.get_username(), entry.object_id, entry.change_message)
        for entry in LogEntry.objects.order_by("object_id")
    ]


def test_an_empty_queue_is_said_to_be_empty(client_as: Clients, publisher: Publisher) -> None:
    assert "Nothing is parked." in client_as("viewer").get(LIST).content.decode()


@pytest.mark.usefixtures("parked")
def test_looking_shows_what_happened_and_takes_nothing_out(client_as: Clients) -> None:
    viewer = client_as("viewer")

    for _ in range(2):
        text = viewer.get(LIST).content.decode()
        assert "a-poll.0" in text
        assert "the &lt;body&gt; is bad" in text
    shown = viewer.get(f"{LIST}a-mail/change/").content.decode()
    assert "Subject: hello" in shown
    assert "x-mailroom-origin" in shown.lower()
    assert "/mailroom/delivery/?q=a-mail" in shown


@pytest.mark.usefixtures("parked")
def test_a_viewer_is_offered_nothing_and_refused(client_as: Clients) -> None:
    viewer = client_as("viewer")

    assert "Replay" not in viewer.get(LIST).content.decode()
    assert viewer.post(LIST, {"action": "discard", "everything": "1", "confirmed": "1"}).status_code == 403
    assert "a-mail" in viewer.get(LIST).content.decode()


@pytest.mark.usefixtures("parked")
def test_a_replay_asks_first_and_sends_a_held_mail_once_more(
    client_as: Clients, broker: Broker, database: psycopg.Connection
) -> None:
    operator = client_as("operator")

    asked = operator.post(LIST, {"action": "replay", "message": "a-mail"})
    assert "Replay these messages?" in asked.content.decode()
    assert take(broker, "mail-out") is None

    done = operator.post(LIST, {"action": "replay", "message": "a-mail", "confirmed": "1"}, follow=True)
    assert "1 message replayed." in done.content.decode()
    taken = take(broker, "mail-out")
    assert taken is not None
    assert Mail.decode(str(taken[0].type), taken[1]) == MAIL
    assert database.execute("SELECT state FROM mail_delivery").fetchone() == ("deferred",)
    assert history() == [("operator", "a-mail", "Replayed: mail/1 from mail-out.")]
    assert "a-poll.0" in operator.get(LIST).content.decode()


@pytest.mark.usefixtures("parked")
def test_what_was_replayed_before_one_was_refused_is_in_the_history(
    client_as: Clients, broker: Broker, publisher: Publisher
) -> None:
    strayed = Outgoing(Topology(broker.prefix).parked_exchange, "", "strayed", "mail/1", b"?", {})
    assert publisher.publish([strayed]) == [Outcome.CONFIRMED]
    operator = client_as("operator")

    page = operator.post(LIST, {"action": "replay", "everything": "1", "confirmed": "1"}, follow=True)

    assert "Not all was replayed" in page.content.decode()
    assert [entry[1] for entry in history()] == ["a-mail", "a-poll.0"]
    assert "strayed" in operator.get(LIST).content.decode()


@pytest.mark.usefixtures("parked")
def test_discarding_all_leaves_the_held_at_that(
    client_as: Clients, broker: Broker, database: psycopg.Connection
) -> None:
    operator = client_as("operator")

    assert (
        "Discard all parked messages?"
        in operator.post(LIST, {"action": "discard", "everything": "1"}).content.decode()
    )
    operator.post(LIST, {"action": "discard", "everything": "1", "confirmed": "1"})

    assert take(broker, "parked") is None
    assert database.execute("SELECT state, finished_at IS NULL FROM mail_delivery").fetchone() == (
        "held",
        False,
    )
    assert [entry[1] for entry in history()] == ["a-mail", "a-poll.0"]
    assert "Discarded: mail/1" in operator.get(f"{LIST}a-mail/history/").content.decode()


@pytest.mark.usefixtures("parked")
def test_an_id_that_is_not_parked_is_answered_with_the_nearest(client_as: Clients) -> None:
    operator = client_as("operator")

    replayed = operator.post(LIST, {"action": "replay", "message": "a-mai", "confirmed": "1"}, follow=True)
    assert "did you mean &#x27;a-mail&#x27;" in replayed.content.decode()
    assert "did you mean" in operator.get(f"{LIST}a-mai/change/", follow=True).content.decode()


def test_a_broker_that_is_away_is_told_in_words(
    client_as: Clients, console: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings as configured

    away = console.model_copy(update={"amqp_url": ("amqp://guest:guest@127.0.0.1:1/",)})
    monkeypatch.setattr(configured, "MAILROOM", away)
    operator = client_as("operator")

    for page in (
        operator.get(LIST),
        operator.get(f"{LIST}a-mail/change/"),
        operator.post(LIST, {"action": "replay", "everything": "1", "confirmed": "1"}, follow=True),
    ):
        assert page.status_code == 200
        assert "the broker does not answer" in page.content.decode()
