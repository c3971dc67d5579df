"""The publisher against a real broker."""

import pika
import pytest

from demo.servers.rabbitmq import Broker
from shared.broker import Outcome, Outgoing, Topology
from shared.broker.publisher import Publisher

pytestmark = pytest.mark.integration


def outgoing(topology: Topology, number: int, routing_key: str = "mail") -> Outgoing:
    return Outgoing(topology.name("mail-out"), routing_key, f"id-{number}", "mail/1", b"x" * 1000)


def depth(broker: Broker, queue: str) -> int:
    connection = pika.BlockingConnection(pika.URLParameters(broker.amqp_url))
    count = connection.channel().queue_declare(f"{broker.prefix}.{queue}", passive=True).method.message_count
    connection.close()
    return int(count)


def test_every_message_of_a_run_larger_than_the_window_is_confirmed(
    broker: Broker, publisher: Publisher
) -> None:
    topology = Topology(broker.prefix)
    outcomes = publisher.publish([outgoing(topology, number) for number in range(2500)])
    assert outcomes == [Outcome.CONFIRMED] * 2500
    assert depth(broker, "mail-out") == 2500


def test_an_address_without_a_queue_is_told_apart_from_its_neighbours(
    broker: Broker, publisher: Publisher
) -> None:
    topology = Topology(broker.prefix)
    outcomes = publisher.publish(
        [outgoing(topology, 1), outgoing(topology, 2, "nowhere"), outgoing(topology, 3)]
    )
    assert outcomes == [Outcome.CONFIRMED, Outcome.UNROUTABLE, Outcome.CONFIRMED]


def test_nothing_to_publish_needs_no_broker(publisher: Publisher) -> None:
    assert publisher.publish([]) == []


def test_a_broker_that_is_away_leaves_messages_unconfirmed() -> None:
    topology = Topology("nowhere")
    publisher = Publisher(["amqp://guest:guest@127.0.0.1:1/"], "test", topology, timeout=0.5)
    publisher.start()
    try:
        assert publisher.publish([outgoing(topology, 1)]) == [Outcome.UNCONFIRMED]
        assert publisher.silence() < 5
    finally:
        publisher.stop()


def test_messages_published_before_the_connection_is_open_are_sent_when_it_is(broker: Broker) -> None:
    topology = Topology(broker.prefix)
    publisher = Publisher([broker.amqp_url], "test", topology, timeout=20)
    publisher.start()
    try:
        assert publisher.publish([outgoing(topology, 1)]) == [Outcome.CONFIRMED]
    finally:
        publisher.stop()
