"""Publisher and worker on connections that are cut, frozen and refused."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pika
import pytest

from demo.servers.rabbitmq import Broker
from shared.broker import BOUNCE_COMMANDS, Outcome, Outgoing, Topology
from shared.broker.consumer import Delivery
from shared.broker.publisher import Publisher
from shared.settings import Settings
from shared.worker import Retry
from shared.worker.runtime import Worker
from tests.chaos.proxy import Proxy
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

#: Seconds; faults here last a minute.
FAR_LESS_THAN_THE_FAULT = 10


@pytest.fixture
def proxy(broker: Broker) -> Iterator[Proxy]:
    server = pika.URLParameters(broker.amqp_url)
    with Proxy(server.host, server.port) as proxy:
        yield proxy


@pytest.fixture
def settings(make_settings: Callable[..., Settings], broker: Broker, proxy: Proxy) -> Settings:
    """Settings that lead through the proxy."""
    port = pika.URLParameters(broker.amqp_url).port
    return make_settings(
        MAILROOM_AMQP_URL=broker.amqp_url.replace(f":{port}", f":{proxy.port}"),
        MAILROOM_BROKER__RETRY_STEPS="100ms | 200ms",
        MAILROOM_WORKER__MAX_ATTEMPTS="3",
    )


@pytest.fixture
def publisher(settings: Settings) -> Iterator[Publisher]:
    publisher = Publisher.of(settings, "test")
    publisher.start()
    yield publisher
    publisher.stop()


@contextmanager
def working(settings: Settings, publisher: Publisher, handle: Callable[[Delivery], None]) -> Iterator[Worker]:
    worker = Worker(
        BOUNCE_COMMANDS,
        handle,
        settings=settings,
        topology=Topology.of(settings),
        publisher=publisher,
        threads=4,
        prefetch=20,
    )
    worker.start()
    try:
        yield worker
    finally:
        worker.drain(10)


def command(settings: Settings, number: int) -> Outgoing:
    exchange = Topology.of(settings).name("commands")
    return Outgoing(exchange, "bounces.poll", f"m{number}", "bounces.poll/1", b"x" * 5000)


@contextmanager
def repeatedly(fault: Callable[[], None], every: float) -> Iterator[list[float]]:
    """Inflict a fault again and again; yields the moments it did."""
    done = threading.Event()
    struck: list[float] = []

    def strike() -> None:
        while not done.wait(every):
            fault()
            struck.append(time.monotonic())

    thread = threading.Thread(target=strike)
    thread.start()
    try:
        yield struck
    finally:
        done.set()
        thread.join()


def test_what_was_confirmed_is_there_however_often_the_connection_was_cut(
    settings: Settings, publisher: Publisher, proxy: Proxy, broker: Broker
) -> None:
    published = 0
    with repeatedly(proxy.cut, every=0.5) as cuts:
        while len(cuts) < 8:
            run = [command(settings, published + number) for number in range(200)]
            assert publisher.publish(run) == [Outcome.CONFIRMED] * 200
            published += 200
    assert set(ids_in_queue(settings, broker)) == {f"m{number}" for number in range(published)}


def ids_in_queue(settings: Settings, broker: Broker) -> Counter[str]:
    connection = pika.BlockingConnection(pika.URLParameters(broker.amqp_url))
    found: Counter[str] = Counter()
    queue = Topology.of(settings).name(BOUNCE_COMMANDS)
    for method, properties, _ in connection.channel().consume(queue, auto_ack=True, inactivity_timeout=1):
        if method is None:
            break
        found[properties.message_id] += 1
    connection.close()
    return found


def test_every_message_is_handled_and_settled_however_often_the_connections_are_cut(
    settings: Settings, publisher: Publisher, proxy: Proxy, broker: Broker
) -> None:
    handled: Counter[str] = Counter()
    lock = threading.Lock()

    def handle(delivery: Delivery) -> None:
        with lock:
            handled[str(delivery.message_id)] += 1
            first = handled[str(delivery.message_id)] == 1
        if first and str(delivery.message_id).endswith("7"):
            raise Retry("another time", limited=False)

    published = 0
    with working(settings, publisher, handle) as worker:
        with repeatedly(proxy.cut, every=0.6) as cuts:
            while len(cuts) < 8:
                run = [command(settings, published + number) for number in range(100)]
                assert publisher.publish(run) == [Outcome.CONFIRMED] * 100
                published += 100
                wait_until(lambda wanted=published - 300: len(handled) >= wanted)  # type: ignore[misc]
        wait_until(lambda: len(handled) == published, 60)
        wait_until(lambda: all(times > 1 for name, times in handled.items() if name.endswith("7")), 60)
        # A copy handed out again may still be in hand, or waiting for its second try. This one comes back
        # behind them all: it waits as long as they, and then stands last.
        last = command(settings, int(f"{published}7"))
        assert publisher.publish([last]) == [Outcome.CONFIRMED]
        wait_until(lambda: handled[last.message_id] == 2, 60)
        assert worker.trouble_living() is None
    assert ids_in_queue(settings, broker) == {}


def test_a_frozen_connection_delays_a_publish_and_loses_nothing(
    settings: Settings, publisher: Publisher, proxy: Proxy
) -> None:
    assert publisher.publish([command(settings, 0)]) == [Outcome.CONFIRMED]
    proxy.freeze(3)
    assert publisher.publish([command(settings, 1)]) == [Outcome.CONFIRMED]


def test_stopping_on_a_frozen_connection_takes_seconds(settings: Settings, proxy: Proxy) -> None:
    publisher = Publisher.of(settings, "test")
    publisher.start()
    assert publisher.publish([command(settings, 0)]) == [Outcome.CONFIRMED]
    proxy.freeze(60)
    with ThreadPoolExecutor() as threads:
        threads.submit(publisher.stop).result(FAR_LESS_THAN_THE_FAULT)
    assert not publisher._link._thread.is_alive()


def test_a_broker_that_goes_away_while_the_topology_is_declared_is_tried_again(
    settings: Settings, publisher: Publisher, proxy: Proxy
) -> None:
    with repeatedly(proxy.cut, every=0.005) as cuts:
        wait_until(lambda: len(cuts) > 300)
    assert publisher.publish([command(settings, 1)]) == [Outcome.CONFIRMED]


def test_draining_without_a_broker_and_without_work_is_quick_and_in_order(
    settings: Settings, publisher: Publisher, proxy: Proxy
) -> None:
    with working(settings, publisher, lambda _: None) as worker:
        wait_until(lambda: worker.trouble_working() is None)
        proxy.refuse(60)
        wait_until(lambda: worker.trouble_working() is not None)
        assert worker.drain(FAR_LESS_THAN_THE_FAULT)


def test_who_waits_for_a_broker_that_is_away_is_woken_by_draining(
    settings: Settings, publisher: Publisher, proxy: Proxy
) -> None:
    assert publisher.publish([command(settings, 0)]) == [Outcome.CONFIRMED]
    proxy.refuse(60)
    wait_until(lambda: not publisher.connected)
    outcomes: list[Outcome] = []
    waiting = threading.Thread(target=lambda: outcomes.extend(publisher.publish([command(settings, 1)])))
    waiting.start()
    publisher.drain()
    waiting.join(5)
    assert outcomes == [Outcome.UNCONFIRMED]


def test_a_queue_deleted_under_its_consumer_is_made_anew(
    settings: Settings, publisher: Publisher, broker: Broker
) -> None:
    handled = threading.Event()
    with working(settings, publisher, lambda _: handled.set()) as worker:
        wait_until(lambda: worker.trouble_working() is None)
        connection = pika.BlockingConnection(pika.URLParameters(broker.amqp_url))
        connection.channel().queue_delete(Topology.of(settings).name(BOUNCE_COMMANDS))
        connection.close()
        wait_until(lambda: publisher.publish([command(settings, 1)]) == [Outcome.CONFIRMED])
        assert handled.wait(20)
