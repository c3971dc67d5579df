"""Events as somebody else's queue receives them."""

from collections.abc import Callable, Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from demo.servers.rabbitmq import Broker
from shared.broker.events import Events
from shared.broker.publisher import Publisher
from shared.settings import Settings
from shared.wire import Event

pytestmark = pytest.mark.integration


@pytest.fixture
def listener(broker: Broker, publisher: Publisher) -> Iterator[tuple[BlockingChannel, str]]:
    """A channel with a queue of its own that gets every event of NDRs."""
    assert publisher.publish([]) == []
    connection = pika.BlockingConnection(pika.URLParameters(broker.amqp_url))
    channel = connection.channel()
    exchange = f"{broker.prefix}.events"
    channel.exchange_declare(exchange, "topic", durable=True)
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, exchange, "ndr.*")
    yield channel, queue
    connection.close()


def receive(channel: BlockingChannel, queue: str) -> tuple[str, pika.BasicProperties, bytes]:
    for method, properties, body in channel.consume(queue, auto_ack=True, inactivity_timeout=10):
        assert method is not None, "no event arrived"
        return method.routing_key, properties, body
    raise AssertionError


def test_an_event_reaches_who_has_bound_a_queue_for_its_kind(
    make_settings: Callable[..., Settings], publisher: Publisher, listener: tuple[BlockingChannel, str]
) -> None:
    events = Events.of(make_settings(MAILROOM_EVENTS__PUBLISH="Y"), publisher)
    events.announce("report.sent", "a-run")
    events.announce("ndr.issued", "an-ndr", recipients=2, queue_id="0000002A")
    routing_key, properties, body = receive(*listener)
    event = Event.decode(properties.type, body)
    assert (routing_key, event.event, event.subject_id) == ("ndr.issued", "ndr.issued", "an-ndr")
    assert event.details == {"queue_id": "0000002A", "recipients": 2}
    assert properties.message_id == event.message_id
    assert properties.delivery_mode == 2


def test_no_event_is_published_unless_the_settings_say_so(
    make_settings: Callable[..., Settings], publisher: Publisher, listener: tuple[BlockingChannel, str]
) -> None:
    Events.of(make_settings(), publisher).announce("ndr.issued", "silent")
    Events.of(make_settings(MAILROOM_EVENTS__PUBLISH="Y"), publisher).announce("ndr.issued", "told")
    _, properties, body = receive(*listener)
    assert Event.decode(properties.type, body).subject_id == "told"
