"""Depth and consumers of the queues, as the broker tells them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest
from prometheus_client import Gauge

from demo.servers.rabbitmq import Broker
from services.scheduler.queue_gauges import QueueGauges
from shared.broker import Topology
from shared.broker.consumer import Consumer
from shared.broker.publisher import Publisher
from shared.telemetry.metrics import QUEUE_CONSUMERS, QUEUE_DEPTH
from shared.wire import ReportRun
from tests.waiting import wait_until

pytestmark = pytest.mark.integration
_NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def shown(gauge: Gauge) -> Mapping[str, float]:
    (metric,) = gauge.collect()
    return {sample.labels["queue"]: sample.value for sample in metric.samples}


@pytest.fixture
def topology(broker: Broker) -> Topology:
    return Topology(broker.prefix)


@pytest.fixture
def refresh(publisher: Publisher, topology: Topology) -> Callable[[], None]:
    wait_until(lambda: publisher.connected)
    return QueueGauges(publisher, topology).refresh


def test_every_queue_has_its_depth_and_those_of_work_their_consumers(
    publisher: Publisher, broker: Broker, topology: Topology, refresh: Callable[[], None]
) -> None:
    runs = [ReportRun(str(number), "dead-servers", _NOON) for number in range(3)]
    publisher.publish([topology.address(run) for run in runs])
    refresh()
    wait_until(lambda: shown(QUEUE_DEPTH).get("report-commands") == 3)
    wait_until(lambda: len(shown(QUEUE_DEPTH)) == len(topology.queues()))
    assert shown(QUEUE_DEPTH)["parked"] == 0
    assert shown(QUEUE_CONSUMERS) == {"report-commands": 0, "bounce-commands": 0, "mail-out": 0}

    consumer = Consumer(
        [broker.amqp_url],
        "test",
        topology,
        queue=topology.name("mail-out"),
        prefetch=1,
        deliver=lambda _: None,
    )
    consumer.start()

    def one_consumer_is_shown() -> bool:
        # two connections: a single question might overtake the consumer
        refresh()
        return shown(QUEUE_CONSUMERS)["mail-out"] == 1

    wait_until(one_consumer_is_shown)
    consumer.stop()


def test_while_the_broker_is_away_there_is_no_value_rather_than_an_old_one(
    publisher: Publisher, refresh: Callable[[], None]
) -> None:
    refresh()
    wait_until(lambda: "mail-out" in shown(QUEUE_DEPTH))
    publisher.stop()
    wait_until(lambda: not publisher.connected)
    refresh()
    assert shown(QUEUE_DEPTH) == shown(QUEUE_CONSUMERS) == {}
