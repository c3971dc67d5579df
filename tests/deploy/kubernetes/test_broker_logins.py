"""The RabbitMQ logins of the production overlay: what the page permits is enough, and no more."""

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from demo.servers.rabbitmq import Broker, RabbitmqServer
from demo.servers.virtual_hosts import Rabbitmqctl
from services.console.parked.queue import list_parked, replay
from shared.broker import Outcome, Outgoing, Topology
from shared.broker.consumer import Delivery
from shared.broker.events import Events
from shared.broker.publisher import Publisher
from shared.broker.topology import WORK_QUEUES
from shared.settings import Settings, load_settings
from shared.worker import Poison, Retry
from shared.worker.runtime import Worker
from tests.deploy.kubernetes.overlay import HOW_TO
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

_PERMISSIONS = re.compile(r"set_permissions (\w+) '(.*)' '(.*)' '(.*)'")


def use(url: str, act: Callable[[BlockingChannel], object]) -> None:
    """Do something on a channel of one's own."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        act(connection.channel())
    finally:
        connection.close()


@dataclass(frozen=True)
class Place:
    """A virtual host of one's own, and what makes logins for it.

    Attributes:
        name: of the virtual host.
        broker: for who may do everything.
        control: of the server.
    """

    name: str
    broker: Broker
    control: Rabbitmqctl

    @contextmanager
    def login(self, name: str) -> Iterator[str]:
        """Have a login with the permissions that the page gives one of this name; yields its URL."""
        user, password = f"{self.name}_{name}", secrets.token_hex(16)
        (permissions,) = [found[1:] for found in _PERMISSIONS.findall(HOW_TO.read_text()) if found[0] == name]
        self.control.run(["add_user", user, password])
        try:
            self.control.run(["set_permissions", "-p", self.name, user, *permissions])
            parts = urlsplit(self.broker.amqp_url)
            _, _, place = parts.netloc.rpartition("@")
            yield parts._replace(netloc=f"{user}:{password}@{place}").geturl()
        finally:
            self.control.run(["delete_user", user])


@pytest.fixture(scope="module")
def place(rabbitmq_server: RabbitmqServer) -> Iterator[Place]:
    controls = [maker for maker in rabbitmq_server.virtual_hosts if isinstance(maker, Rabbitmqctl)]
    if not controls:
        pytest.skip("logins are made with rabbitmqctl, on this machine")
    with rabbitmq_server.fresh_broker("logins") as broker:
        name = urlsplit(broker.amqp_url).path.lstrip("/")
        if broker.prefix != Topology().prefix:
            pytest.skip("no virtual host can be made here, and the permissions are for the default prefix")
        yield Place(name, broker, controls[0])


@pytest.fixture(scope="module")
def settings(place: Place) -> Iterator[Settings]:
    """A service's, with the login of the services."""
    with place.login("mailroom") as url:
        yield load_settings(
            None,
            {
                "MAILROOM_DATABASE_URL": "postgresql://nobody@localhost/none",
                "MAILROOM_AMQP_URL": url,
                "MAILROOM_BROKER__RETRY_STEPS": "100ms",
                "MAILROOM_EVENTS__PUBLISH": "Y",
            },
        )


@pytest.fixture
def publisher(settings: Settings) -> Iterator[Publisher]:
    """Declares everything when it connects."""
    publisher = Publisher.of(settings, "test")
    publisher.start()
    yield publisher
    publisher.stop()


class FailsTwice:
    """A handler that has each message wait once, then be parked, then is content."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, delivery: Delivery) -> None:
        self.seen += 1
        if self.seen == 1:
            raise Retry("it is to wait")
        if self.seen == 2:
            raise Poison("it is to be parked")


@pytest.mark.parametrize("queue", sorted(WORK_QUEUES))
def test_a_message_goes_every_way_there_is_with_the_login_of_the_services(
    settings: Settings, publisher: Publisher, queue: str
) -> None:
    """Published, consumed, waiting on the ladder, parked, looked at, replayed, done."""
    topology = Topology.of(settings)
    exchange, routing_key = {
        "report-commands": ("commands", "report.run"),
        "bounce-commands": ("commands", "bounces.poll"),
        "mail-out": ("mail-out", "mail"),
    }[queue]
    handle = FailsTwice()
    worker = Worker(
        queue, handle, settings=settings, topology=topology, publisher=publisher, threads=1, prefetch=1
    )
    worker.start()
    try:
        message = Outgoing(topology.name(exchange), routing_key, queue, "any/1", b"")
        assert publisher.publish([message]) == [Outcome.CONFIRMED]
        wait_until(lambda: len(list_parked(settings.amqp_url, topology)) == 1)
        assert handle.seen == 2
        assert [parked.message_id for parked in replay(settings.amqp_url, topology, None)] == [queue]
        wait_until(lambda: handle.seen == 3)
    finally:
        worker.drain(10)
    assert publisher.depth(topology.name(queue)) == 0


def test_events_may_be_published_too(place: Place, settings: Settings, publisher: Publisher) -> None:
    assert publisher.publish([]) == []
    wait_until(lambda: publisher.connected)
    connection = pika.BlockingConnection(pika.URLParameters(place.broker.amqp_url))
    try:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, Topology.of(settings).events_exchange, "#")
        Events.of(settings, publisher).announce("report.sent", "a-run")
        method, _, _ = next(channel.consume(queue, auto_ack=True, inactivity_timeout=10))
        assert method is not None
        assert method.routing_key == "report.sent"
    finally:
        connection.close()


def test_the_login_of_the_services_declares_nothing_under_another_name(settings: Settings) -> None:
    with pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
        use(settings.amqp_url[0], lambda channel: channel.queue_declare("another"))


def test_the_login_that_keda_counts_with_reads_no_mail(
    place: Place, settings: Settings, publisher: Publisher
) -> None:
    wait_until(lambda: publisher.connected)
    with place.login("keda") as url, pytest.raises(ChannelClosedByBroker, match="ACCESS_REFUSED"):
        use(url, lambda channel: channel.basic_get(Topology.of(settings).name("mail-out")))
