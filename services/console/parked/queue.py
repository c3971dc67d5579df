"""The parked queue itself: looking gives everything back, replaying and discarding take messages out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, NackError, UnroutableError

from services.console.names import look_up
from services.console.parked.message import ParkedMessage, return_queue
from shared.broker import Topology
from shared.broker.link import BrokerUnreachable, connection_parameters
from shared.errors import MailroomError

_Held = tuple[int, ParkedMessage]


class ReplayRefused(MailroomError):
    """The broker did not take a replayed message; it stays parked."""


def list_parked(amqp_urls: Sequence[str], topology: Topology) -> list[ParkedMessage]:
    """Return every parked message; all of them stay where they are."""
    with _holding(amqp_urls, topology) as (_, held):
        return [message for _, message in held]


def replay(
    amqp_urls: Sequence[str],
    topology: Topology,
    message_ids: Sequence[str] | None,
    first: Callable[[ParkedMessage], None] = lambda _: None,
) -> list[ParkedMessage]:
    """Put messages back on the queues they came from, with their ids, their attempts counted anew.

    A parked copy goes only when the broker has confirmed the new one. Done twice, no harm comes of it: every
    station drops by id what it has finished.

    Args:
        amqp_urls: nodes of one cluster.
        topology: names of the queues.
        message_ids: which ones; None: all.
        first: what to do with each before it goes back.

    Raises:
        NameUnknown: none of this id is parked.
        OriginUnknown: one does not say where it came from.
        ReplayRefused: the broker did not take one.
    """

    def put_back(channel: BlockingChannel, message: ParkedMessage) -> None:
        queue = return_queue(message, topology)
        first(message)
        properties = pika.BasicProperties(
            content_type="application/msgpack",
            delivery_mode=2,
            message_id=message.message_id,
            type=message.type,
        )
        try:
            channel.basic_publish("", queue, message.body, properties, mandatory=True)
        except (UnroutableError, NackError) as error:
            raise ReplayRefused(f"{queue} did not take {message.message_id!r} ({error!r})") from error

    return _take_out(amqp_urls, topology, message_ids, put_back)


def discard(
    amqp_urls: Sequence[str],
    topology: Topology,
    message_ids: Sequence[str] | None,
    first: Callable[[ParkedMessage], None] = lambda _: None,
) -> list[ParkedMessage]:
    """Remove messages for good.

    Args:
        amqp_urls: nodes of one cluster.
        topology: names of the queues.
        message_ids: which ones; None: all.
        first: what to do with each before it goes.

    Raises:
        NameUnknown: none of this id is parked.
    """
    return _take_out(amqp_urls, topology, message_ids, lambda _, message: first(message))


def _take_out(
    amqp_urls: Sequence[str],
    topology: Topology,
    message_ids: Sequence[str] | None,
    first: Callable[[BlockingChannel, ParkedMessage], None],
) -> list[ParkedMessage]:
    """Do something first with each wanted message, then acknowledge it."""
    with _holding(amqp_urls, topology) as (channel, held):
        known = {message.message_id: (tag, message) for tag, message in held}
        wanted = (
            held if message_ids is None else [look_up("parked message", id_, known) for id_ in message_ids]
        )
        for tag, message in wanted:
            first(channel, message)
            channel.basic_ack(tag)
        return [message for _, message in wanted]


@contextmanager
def _holding(amqp_urls: Sequence[str], topology: Topology) -> Iterator[tuple[BlockingChannel, list[_Held]]]:
    """Hold every parked message; what is not acknowledged goes back when the connection closes."""
    try:
        connection = pika.BlockingConnection([connection_parameters(url, "parked") for url in amqp_urls])
    except (AMQPError, OSError) as error:
        raise BrokerUnreachable(f"the broker does not answer ({error!r}); check MAILROOM_AMQP_URL") from error
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel, list(_everything(channel, topology.name("parked")))
    finally:
        connection.close()


def _everything(channel: BlockingChannel, queue: str) -> Iterator[_Held]:
    while (got := channel.basic_get(queue))[0] is not None:
        method, properties, body = got
        yield (
            method.delivery_tag,
            ParkedMessage(properties.message_id or "", properties.type or "", properties.headers or {}, body),
        )
