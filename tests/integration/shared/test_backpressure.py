"""A broker that takes no messages is waited for: nobody fails, nothing is parked, nothing piles up."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pika
import pytest

from demo.servers import private_rabbitmq
from demo.servers.private_rabbitmq import Node
from demo.servers.rabbitmq import Broker, why_unusable
from shared.broker import BOUNCE_COMMANDS, MAIL_OUT, Outcome, Outgoing, Topology
from shared.broker.consumer import Delivery
from shared.broker.publisher import Publisher
from shared.settings import Settings, load_settings
from shared.telemetry.metrics import BROKER_BLOCKED, EVENTS_DROPPED
from shared.worker import Retry
from shared.worker.runtime import ATTEMPTS, Worker
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A broker of one's own, because an alarm stops every publisher on it."""
    programs = private_rabbitmq.find_programs(os.environ)
    if programs is None:
        pytest.skip("RabbitMQ's programs are not installed: a broker's alarm needs a broker of one's own")
    with private_rabbitmq.node(programs, os.environ, lambda url: why_unusable(url) is None) as node:
        yield node


class Alarm:
    """The node's memory alarm."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def raise_(self) -> None:
        self._node.control.run(["set_vm_memory_high_watermark", "0"])

    def end(self) -> None:
        self._node.control.run(["set_vm_memory_high_watermark", "0.9"])


@pytest.fixture
def alarm(node: Node) -> Iterator[Alarm]:
    alarm = Alarm(node)
    yield alarm
    alarm.end()


@pytest.fixture
def settings(node: Node) -> Settings:
    return load_settings(
        None, {"MAILROOM_AMQP_URL": node.amqp_url, "MAILROOM_BROKER__RETRY_STEPS": "100ms | 200ms"}
    )


def publisher_of(settings: Settings, **arguments: float) -> Publisher:
    return Publisher(settings.amqp_url, "test", Topology.of(settings), **arguments)  # type: ignore[arg-type]


@pytest.fixture
def publisher(settings: Settings) -> Iterator[Publisher]:
    publisher = publisher_of(settings, timeout=1, patience=120)
    publisher.start()
    yield publisher
    publisher.stop()


def mail(settings: Settings, number: int = 1, size: int = 1000) -> Outgoing:
    return Outgoing(Topology.of(settings).name("mail-out"), "mail", f"m{number}", "mail/1", bytes(size))


class Publishing:
    """A `publish` call on a thread of its own."""

    def __init__(self, publisher: Publisher, messages: list[Outgoing]) -> None:
        self.outcomes: list[Outcome] = []
        self._thread = threading.Thread(
            target=lambda: self.outcomes.extend(publisher.publish(messages)), daemon=True
        )
        self._thread.start()

    def wait(self, timeout: float = 30) -> list[Outcome]:
        self._thread.join(timeout)
        return self.outcomes


def blocked_publishing(publisher: Publisher, settings: Settings) -> Publishing:
    """Publish something, which shows the alarm, and wait until the broker has said so."""
    publishing = Publishing(publisher, [mail(settings)])
    wait_until(lambda: publisher.blocked)
    return publishing


def gauge() -> float:
    ((sample,),) = [metric.samples for metric in BROKER_BLOCKED.collect()]
    return sample.value


def test_a_publish_outlasts_an_alarm_that_is_longer_than_its_timeout(
    settings: Settings, publisher: Publisher, alarm: Alarm
) -> None:
    queue = Topology.of(settings).name(MAIL_OUT)
    assert publisher.publish([mail(settings)]) == [Outcome.CONFIRMED]
    alarm.raise_()
    publishing = blocked_publishing(publisher, settings)
    assert gauge() == 1
    assert publisher.trouble() == "the broker takes no messages: it is low on memory or disk"
    assert publisher.depth(queue) is None
    assert publishing.wait(3) == [], "three times its timeout, and it still waits"
    alarm.end()
    assert publishing.wait() == [Outcome.CONFIRMED]
    assert gauge() == 0
    depth = publisher.depth(queue)
    assert depth is not None
    assert depth >= 2


def test_patience_with_an_alarm_has_an_end(settings: Settings, alarm: Alarm) -> None:
    publisher = publisher_of(settings, timeout=30, patience=1)
    publisher.start()
    try:
        assert publisher.publish([mail(settings)]) == [Outcome.CONFIRMED]
        alarm.raise_()
        publishing = blocked_publishing(publisher, settings)
        assert publishing.wait(10) == [Outcome.UNCONFIRMED]
    finally:
        publisher.stop()


def test_draining_and_stopping_do_not_wait_for_an_alarm_to_end(
    settings: Settings, publisher: Publisher, alarm: Alarm
) -> None:
    assert publisher.publish([mail(settings)]) == [Outcome.CONFIRMED]
    alarm.raise_()
    publishing = blocked_publishing(publisher, settings)
    publisher.drain()
    assert publishing.wait(5) == [Outcome.UNCONFIRMED]
    with ThreadPoolExecutor() as threads:
        threads.submit(publisher.stop).result(10)


def test_no_message_is_given_back_or_parked_while_an_alarm_keeps_it_from_being_moved(
    settings: Settings, publisher: Publisher, alarm: Alarm
) -> None:
    topology = Topology.of(settings)
    seen: list[int] = []
    done, go_on = threading.Event(), threading.Event()

    def handle(delivery: Delivery) -> None:
        seen.append(delivery.headers.get(ATTEMPTS, 0))
        if len(seen) > 1:
            done.set()
            return
        go_on.wait(30)
        raise Retry("another time")

    worker = Worker(
        BOUNCE_COMMANDS,
        handle,
        settings=settings,
        topology=topology,
        publisher=publisher,
        threads=1,
        prefetch=1,
    )
    worker.start()
    try:
        command = Outgoing(topology.name("commands"), "bounces.poll", "p", "bounces.poll/1", b"")
        assert publisher.publish([command]) == [Outcome.CONFIRMED]
        wait_until(lambda: bool(seen))
        alarm.raise_()
        publishing = blocked_publishing(publisher, settings)
        go_on.set()
        assert not done.wait(3)
        assert worker.trouble_living() is None
        alarm.end()
        assert publishing.wait() == [Outcome.CONFIRMED]
        assert done.wait(30)
        assert seen == [0, 1]
        assert publisher.depth(topology.name("parked")) == 0
    finally:
        go_on.set()
        worker.drain(10)


def test_posts_that_a_blocked_broker_does_not_take_are_dropped_past_the_window(
    settings: Settings, alarm: Alarm
) -> None:
    publisher = publisher_of(settings, window=10, patience=60)
    publisher.start()
    try:
        assert publisher.publish([mail(settings)]) == [Outcome.CONFIRMED]
        alarm.raise_()
        publishing = blocked_publishing(publisher, settings)
        before = EVENTS_DROPPED._value.get()
        publisher.post([mail(settings, number) for number in range(25)])
        assert EVENTS_DROPPED._value.get() - before == 15
        alarm.end()
        assert publishing.wait() == [Outcome.CONFIRMED]
    finally:
        publisher.stop()


@pytest.fixture
def small_queue(broker: Broker) -> Iterator[str]:
    """A queue that holds two messages and refuses a third, as an operator's policy may have it."""
    connection = pika.BlockingConnection(pika.URLParameters(broker.amqp_url))
    arguments = {"x-max-length": 2, "x-overflow": "reject-publish"}
    name = f"{broker.prefix}.small"
    connection.channel().queue_declare(name, arguments=arguments)
    yield name
    connection.channel().queue_delete(name)
    connection.close()


@pytest.mark.parametrize("patience", [0.0, 60.0])
def test_a_full_queue_is_waited_for_as_long_as_the_caller_has_patience(
    broker: Broker, small_queue: str, patience: float
) -> None:
    publisher = Publisher([broker.amqp_url], "test", Topology(broker.prefix), timeout=20, patience=patience)
    publisher.start()
    try:
        messages = [Outgoing("", small_queue, str(number), "mail/1", b"") for number in range(4)]
        publishing = Publishing(publisher, messages)
        if not patience:
            expected = [Outcome.CONFIRMED, Outcome.CONFIRMED, Outcome.REFUSED, Outcome.REFUSED]
            assert publishing.wait() == expected
            return
        wait_until(lambda: publisher.depth(small_queue) == 2)
        assert take(broker, small_queue, 4) == ["0", "1", "2", "3"]
        assert publishing.wait() == [Outcome.CONFIRMED] * 4
    finally:
        publisher.stop()


def take(broker: Broker, queue: str, count: int) -> list[str]:
    connection = pika.BlockingConnection(pika.URLParameters(broker.amqp_url))
    taken: list[str] = []
    for method, properties, _ in connection.channel().consume(queue, auto_ack=True, inactivity_timeout=20):
        assert method is not None, f"only {taken}"
        taken.append(properties.message_id)
        if len(taken) == count:
            break
    connection.close()
    return taken
