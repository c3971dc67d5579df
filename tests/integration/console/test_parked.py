"""`mailroom parked` on a real broker."""

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

import pika
import pytest
from typer.testing import CliRunner

from demo.servers.rabbitmq import Broker
from services.console.cli import app
from services.console.names import NameUnknown
from shared.broker import Outcome, Outgoing, Topology
from shared.broker.publisher import Publisher
from shared.wire import BouncesPoll
from shared.worker.runtime import ATTEMPTS, FAILURE, ORIGIN, REASON

pytestmark = pytest.mark.integration
Mailroom = Callable[..., str]
TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


@pytest.fixture
def mailroom(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Mailroom:
    """Run a command and return what it printed."""
    monkeypatch.setenv("MAILROOM_AMQP_URL", broker.amqp_url)
    monkeypatch.setenv("MAILROOM_AMQP_PREFIX", broker.prefix)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["parked", *arguments], catch_exceptions=False)
        return result.output

    return run


@pytest.fixture
def parked(broker: Broker, publisher: Publisher) -> BouncesPoll:
    """One poll that was parked by its worker."""
    poll = BouncesPoll("a-poll", datetime(2026, 11, 21, tzinfo=UTC))
    headers = {ORIGIN: "bounce-commands", REASON: "the body is bad", FAILURE: "Poison", ATTEMPTS: 1, **TRACE}
    exchange = Topology(broker.prefix).parked_exchange
    message = Outgoing(exchange, "", poll.message_id, poll.TYPE, poll.encode(), headers)
    assert publisher.publish([message]) == [Outcome.CONFIRMED]
    return poll


def take(broker: Broker, queue: str) -> tuple[pika.BasicProperties, bytes] | None:
    with closing(pika.BlockingConnection(pika.URLParameters(broker.amqp_url))) as connection:
        method, properties, body = connection.channel().basic_get(f"{broker.prefix}.{queue}", auto_ack=True)
        return (properties, body) if method else None


def test_looking_tells_what_happened_and_leaves_everything_where_it_is(
    mailroom: Mailroom, parked: BouncesPoll
) -> None:
    for _ in range(2):
        (row,) = json.loads(mailroom("list", "--json"))
        assert row["message_id"] == parked.message_id
        assert (row["origin"], row["reason"]) == ("bounce-commands", "the body is bad")
    shown = json.loads(mailroom("show", parked.message_id, "--json"))
    assert shown["body"]["poll_id"] == "a-poll"
    assert "the body is bad" in mailroom("list")


def test_a_replay_goes_back_where_it_came_from_with_its_id_and_trace_and_a_new_count(
    mailroom: Mailroom, parked: BouncesPoll, broker: Broker
) -> None:
    assert f"replayed {parked.message_id}" in mailroom("replay", parked.message_id)
    taken = take(broker, "bounce-commands")
    assert taken is not None
    properties, body = taken
    assert (properties.message_id, properties.type) == ("a-poll.0", "bounces.poll/1")
    kept = {name: value for name, value in properties.headers.items() if name != "x-delivery-count"}
    assert kept == TRACE, "the count of deliveries is the broker's own"
    assert BouncesPoll.decode(properties.type, body) == parked
    assert json.loads(mailroom("list", "--json")) == []


def test_a_discarded_message_is_gone(mailroom: Mailroom, parked: BouncesPoll, broker: Broker) -> None:
    assert json.loads(mailroom("discard", "--all", "--json")) == {"discarded": [parked.message_id]}
    assert json.loads(mailroom("list", "--json")) == []
    assert take(broker, "bounce-commands") is None


def test_an_id_that_is_not_parked_is_answered_with_the_nearest_one(
    mailroom: Mailroom, parked: BouncesPoll
) -> None:
    with pytest.raises(NameUnknown, match=r"did you mean 'a-poll\.0'"):
        mailroom("replay", "a-pol.0")
    assert len(json.loads(mailroom("list", "--json"))) == 1


def test_replaying_nothing_in_particular_is_refused(mailroom: Mailroom, parked: BouncesPoll) -> None:
    assert "--all" in mailroom("replay")
