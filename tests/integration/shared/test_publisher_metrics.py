"""What a publisher tells of itself: whether it is connected, and who waits for it."""

import threading

import pytest
from prometheus_client import Gauge

from demo.servers.rabbitmq import Broker
from shared.broker import Outgoing, Topology
from shared.broker.publisher import Publisher
from shared.telemetry.metrics import BROKER_CONNECTED, PUBLISHES_IN_PROGRESS
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


def value(gauge: Gauge) -> float:
    ((sample,),) = [metric.samples for metric in gauge.collect()]
    return sample.value


def test_a_publisher_tells_whether_it_is_connected(broker: Broker) -> None:
    publisher = Publisher([broker.amqp_url], "test", Topology(broker.prefix))
    publisher.start()
    wait_until(lambda: value(BROKER_CONNECTED) == 1)
    publisher.stop()
    wait_until(lambda: value(BROKER_CONNECTED) == 0)


def test_a_publish_that_nobody_confirms_is_seen_to_wait() -> None:
    publisher = Publisher(["amqp://guest:guest@127.0.0.1:1/"], "test", Topology("away"), timeout=60)
    publisher.start()
    message = Outgoing("away.mail-out", "mail", "1", "mail/1", b"")
    waiting = threading.Thread(target=publisher.publish, args=([message],))
    waiting.start()
    wait_until(lambda: value(PUBLISHES_IN_PROGRESS) == 1)
    publisher.stop()
    waiting.join(10)
    assert value(PUBLISHES_IN_PROGRESS) == 0
