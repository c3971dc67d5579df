"""What every publisher promises: the real one and the tests' double."""

from collections.abc import Iterator

import pytest

from demo.servers.rabbitmq import Broker
from shared.broker import Outcome, Outgoing, Publishing, Topology
from shared.broker.publisher import Publisher
from tests.doubles.publisher import RecordingPublisher

pytestmark = pytest.mark.integration


@pytest.fixture(params=["real", "double"])
def any_publisher(request: pytest.FixtureRequest, broker: Broker) -> Iterator[Publishing]:
    if request.param == "double":
        yield RecordingPublisher()
        return
    real = Publisher([broker.amqp_url], "test", Topology(broker.prefix), timeout=20)
    real.start()
    yield real
    real.stop()


def test_outcomes_come_in_the_order_of_the_messages(any_publisher: Publishing, broker: Broker) -> None:
    exchange = f"{broker.prefix}.mail-out"
    messages = [
        Outgoing(exchange, "mail", "1", "mail/1", b"1"),
        Outgoing(exchange, "nobody", "2", "mail/1", b"2"),
        Outgoing(exchange, "mail", "3", "mail/1", b"3"),
    ]
    assert any_publisher.publish(messages) == [Outcome.CONFIRMED, Outcome.UNROUTABLE, Outcome.CONFIRMED]


def test_the_same_message_may_be_published_twice(any_publisher: Publishing, broker: Broker) -> None:
    message = Outgoing(f"{broker.prefix}.mail-out", "mail", "1", "mail/1", b"1")
    assert any_publisher.publish([message, message]) == [Outcome.CONFIRMED] * 2


def test_an_empty_run_has_no_outcomes(any_publisher: Publishing) -> None:
    assert any_publisher.publish([]) == []
