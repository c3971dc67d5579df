"""The worker runtime against a real broker: done, retry, poison, draining."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import pika
import psycopg
import pytest

from demo.servers.rabbitmq import Broker
from shared.broker import BOUNCE_COMMANDS, Outcome, Outgoing, Topology
from shared.broker.consumer import Delivery
from shared.broker.publisher import Publisher
from shared.settings import Settings, load_settings
from shared.telemetry import tracing
from shared.wire import BouncesPoll
from shared.worker import Poison, Retry
from shared.worker.runtime import ATTEMPTS, FAILURE, ORIGIN, REASON, Worker
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


@contextmanager
def running(
    handle: Callable[[Delivery], None], settings: Settings, publisher: Publisher, threads: int = 2
) -> Iterator[Worker]:
    topology = Topology.of(settings)
    worker = Worker(
        BOUNCE_COMMANDS,
        handle,
        settings=settings,
        topology=topology,
        publisher=publisher,
        threads=threads,
        prefetch=threads,
    )
    worker.start()
    try:
        yield worker
    finally:
        worker.drain(10)


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(MAILROOM_BROKER__RETRY_STEPS="100ms | 200ms", MAILROOM_WORKER__MAX_ATTEMPTS="3")


@pytest.fixture
def publisher(broker: Broker, settings: Settings) -> Iterator[Publisher]:
    publisher = Publisher(
        [broker.amqp_url], "test", Topology(broker.prefix, settings.broker.retry_steps), timeout=20
    )
    publisher.start()
    yield publisher
    publisher.stop()


def send(
    publisher: Publisher,
    settings: Settings,
    body: bytes,
    message_type: str = BouncesPoll.TYPE,
    *,
    message_id: str = "a-message",
    headers: Mapping[str, Any] | None = None,
) -> None:
    exchange = f"{settings.amqp_prefix}.commands"
    message = Outgoing(exchange, "bounces.poll", message_id, message_type, body, headers or {})
    assert publisher.publish([message]) == [Outcome.CONFIRMED]


def take(settings: Settings, queue: str, timeout: float = 10) -> tuple[pika.BasicProperties, bytes]:
    """Wait for one message on a queue and remove it."""
    connection = pika.BlockingConnection(pika.URLParameters(settings.amqp_url[0]))
    try:
        channel = connection.channel()
        for method, properties, body in channel.consume(
            f"{settings.amqp_prefix}.{queue}", inactivity_timeout=timeout
        ):
            assert method is not None, f"nothing arrived on {queue}"
            channel.basic_ack(method.delivery_tag)
            return properties, body
        raise AssertionError
    finally:
        connection.close()


def depth(settings: Settings, queue: str) -> int:
    connection = pika.BlockingConnection(pika.URLParameters(settings.amqp_url[0]))
    try:
        name = f"{settings.amqp_prefix}.{queue}"
        return int(connection.channel().queue_declare(name, passive=True).method.message_count)
    finally:
        connection.close()


def test_a_message_that_is_done_is_gone(settings: Settings, publisher: Publisher) -> None:
    handled = threading.Event()
    with running(lambda _: handled.set(), settings, publisher):
        send(publisher, settings, b"body")
        assert handled.wait(10)
    assert depth(settings, BOUNCE_COMMANDS) == 0


@pytest.mark.parametrize("traced", [False, True])
def test_names_that_are_no_text_end_no_worker(settings: Settings, publisher: Publisher, traced: bool) -> None:  # noqa: FBT001 - a parameter of pytest's
    def handle(delivery: Delivery) -> None:
        raise Poison(f"nobody reads {delivery.type!r}")

    if traced:
        tracing.start("test", load_settings(None, {"MAILROOM_TRACING__ENDPOINT": "http://127.0.0.1:1"}))
    headers: Any = {b"\xff": 1, "traceparent": b"\xff"}
    send(publisher, settings, b"body", cast("str", b"\xff"), message_id=cast("str", b"\xff"), headers=headers)
    with running(handle, settings, publisher) as worker:
        properties, _ = take(settings, "parked")
        assert worker.trouble_living() is None
    tracing.stop()
    assert (properties.message_id, properties.headers["\ufffd"]) == ("\ufffd", 1)


def test_poison_is_parked_with_its_reason_and_the_worker_lives_on(
    settings: Settings, publisher: Publisher
) -> None:
    handled = threading.Event()

    def handle(delivery: Delivery) -> None:
        if delivery.body == b"bad":
            raise Poison("this body is bad")
        handled.set()

    with running(handle, settings, publisher):
        send(publisher, settings, b"bad")
        properties, body = take(settings, "parked")
        send(publisher, settings, b"good")
        assert handled.wait(10)
    assert body == b"bad"
    assert properties.message_id == "a-message"
    assert properties.headers[REASON] == "this body is bad"
    assert properties.headers[FAILURE] == "Poison"
    assert properties.headers[ORIGIN] == BOUNCE_COMMANDS


def test_a_body_that_cannot_be_read_is_parked_by_name(settings: Settings, publisher: Publisher) -> None:
    def handle(delivery: Delivery) -> None:
        BouncesPoll.decode(delivery.type, delivery.body)

    with running(handle, settings, publisher):
        send(publisher, settings, b"\xc1")
        undecodable, _ = take(settings, "parked")
        send(publisher, settings, b"\x80", "bounces.poll/9")
        wrong_version, _ = take(settings, "parked")
        send(publisher, settings, b"\x80")
        missing_key, _ = take(settings, "parked")
    assert "not msgpack" in undecodable.headers[REASON]
    assert "'bounces.poll/9' is not 'bounces.poll/1'" in wrong_version.headers[REASON]
    assert "'hop' is missing" in missing_key.headers[REASON]


def test_a_retry_comes_back_until_it_succeeds(settings: Settings, publisher: Publisher) -> None:
    seen: list[int] = []
    done = threading.Event()

    def handle(delivery: Delivery) -> None:
        seen.append(delivery.headers.get(ATTEMPTS, 0))
        if len(seen) < 3:
            raise Retry("not yet")
        done.set()

    with running(handle, settings, publisher):
        send(publisher, settings, b"body")
        assert done.wait(10)
    assert seen == [0, 1, 2]


def test_a_message_that_keeps_failing_is_parked_after_its_attempts(
    settings: Settings, publisher: Publisher
) -> None:
    def handle(_: Delivery) -> None:
        raise ZeroDivisionError("always")

    with running(handle, settings, publisher):
        send(publisher, settings, b"body")
        properties, _ = take(settings, "parked")
    assert properties.headers[ATTEMPTS] == 3
    assert properties.headers[FAILURE] == "ZeroDivisionError"
    assert depth(settings, BOUNCE_COMMANDS) == 0


def test_waiting_for_somebody_elses_lease_never_parks(settings: Settings, publisher: Publisher) -> None:
    tries: list[int] = []
    done = threading.Event()

    def handle(_: Delivery) -> None:
        tries.append(1)
        if len(tries) <= 5:
            raise Retry("leased", limited=False)
        done.set()

    with running(handle, settings, publisher):
        send(publisher, settings, b"body")
        assert done.wait(10)


def test_a_database_that_is_away_never_parks_a_message(settings: Settings, publisher: Publisher) -> None:
    tries: list[int] = []
    done = threading.Event()

    def handle(delivery: Delivery) -> None:
        tries.append(delivery.headers.get(ATTEMPTS, 0))
        if len(tries) <= 5:
            raise psycopg.OperationalError("the server closed the connection unexpectedly")
        done.set()

    with running(handle, settings, publisher):
        send(publisher, settings, b"body")
        assert done.wait(10)
    assert tries == [0] * 6


def test_a_retry_with_a_delay_comes_back_after_it_and_counts_one_attempt(
    settings: Settings, publisher: Publisher
) -> None:
    seen: list[tuple[int, float]] = []
    done = threading.Event()

    def handle(delivery: Delivery) -> None:
        seen.append((delivery.headers.get(ATTEMPTS, 0), time.monotonic()))
        if len(seen) == 1:
            raise Retry("not yet", delay=timedelta(milliseconds=700))
        done.set()

    with running(handle, settings, publisher):
        send(publisher, settings, b"body")
        assert done.wait(10)
    assert [attempts for attempts, _ in seen] == [0, 1]
    assert seen[1][1] - seen[0][1] >= 0.6


def test_draining_finishes_what_is_in_work_and_leaves_the_rest_to_others(
    settings: Settings, publisher: Publisher
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    finished: list[str] = []

    def handle(delivery: Delivery) -> None:
        begun.set()
        go_on.wait(10)
        finished.append(str(delivery.message_id))

    topology = Topology.of(settings)
    with running(handle, settings, publisher, threads=1) as worker:
        for number in range(3):
            message = Outgoing(topology.name("commands"), "bounces.poll", f"m{number}", "bounces.poll/1", b"")
            publisher.publish([message])
        assert begun.wait(10)
        threading.Timer(0.2, go_on.set).start()
        assert worker.drain(10)
    assert finished == ["m0"]
    wait_until(lambda: depth(settings, BOUNCE_COMMANDS) == 2)


def test_a_killed_connection_is_made_again_and_nothing_is_lost(
    settings: Settings, publisher: Publisher
) -> None:
    handled: list[str] = []
    with running(lambda delivery: handled.append(str(delivery.message_id)), settings, publisher) as worker:
        send(publisher, settings, b"1")
        wait_until(lambda: len(handled) == 1)
        worker._consumer._link.call(worker._consumer._link._connection.close)  # type: ignore[union-attr]
        send(publisher, settings, b"2")
        wait_until(lambda: len(handled) >= 2)
        assert worker.trouble_living() is None
