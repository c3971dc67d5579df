"""The parked queue itself: looking gives everything back, replaying and discarding take messages out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker, NackError, UnroutableError

from services.console.names import look_up
from services.console.parked.message import ParkedMessage, return_address
from services.console.progress import Progress, unheard
from shared.broker import Topology
from shared.broker.link import BrokerUnreachable, connection_parameters
from shared.errors import MailroomError
from shared.telemetry.traceparent import TRACEPARENT, parse_traceparent

_Held = tuple[int, ParkedMessage]
#: The broker's code for a queue that there is not (AMQP 0-9-1 section 1.2).
_NOT_FOUND = 404


class ReplayRefused(MailroomError):
    """The broker did not take a replayed message; it stays parked."""


def list_parked(
    amqp_urls: Sequence[str], topology: Topology, limit: int | None = None
) -> list[ParkedMessage]:
    """Return the parked messages, the oldest first; all of them stay where they are.

    Args:
        amqp_urls: nodes of one cluster.
        topology: names of the queues.
        limit: the most messages; None: all.

    Raises:
        BrokerUnreachable: no node answers.
    """
    with _holding(amqp_urls, topology, limit) as (_, held):
        return [message for _, message in held]


def replay(
    amqp_urls: Sequence[str],
    topology: Topology,
    message_ids: Sequence[str] | None,
    first: Callable[[ParkedMessage], None] = lambda _: None,
    *,
    progress: Progress = unheard,
    done: Callable[[ParkedMessage], object] = lambda _: None,
) -> list[ParkedMessage]:
    """Put messages back on the queues they came from, with their ids, their attempts counted anew.

    A parked copy goes only when the broker has confirmed the new one. Done twice, no harm comes of it: every
    station drops by id what it has finished.

    Args:
        amqp_urls: nodes of one cluster.
        topology: names of the queues.
        message_ids: which ones; None: all.
        first: what to do with each before it goes back.
        progress: is told after each.
        done: is given each that was dealt with, also when a later one is refused.

    Raises:
        NameUnknown: none of this id is parked.
        OriginUnknown: one does not say where it came from.
        ReplayRefused: the broker did not take one.
    """

    def put_back(channel: BlockingChannel, message: ParkedMessage) -> None:
        exchange, routing_key = return_address(message, topology)
        first(message)
        properties = pika.BasicProperties(
            content_type="application/msgpack",
            delivery_mode=2,
            message_id=message.message_id,
            type=message.type,
            headers=_trace(message.headers),
        )
        try:
            channel.basic_publish(exchange, routing_key, message.body, properties, mandatory=True)
        except (UnroutableError, NackError) as error:
            raise ReplayRefused(
                f"{message.origin} did not take {message.message_id!r} ({error!r})"
            ) from error

    return _take_out(amqp_urls, topology, message_ids, put_back, progress=progress, done=done)


def discard(
    amqp_urls: Sequence[str],
    topology: Topology,
    message_ids: Sequence[str] | None,
    first: Callable[[ParkedMessage], None] = lambda _: None,
    *,
    progress: Progress = unheard,
    done: Callable[[ParkedMessage], object] = lambda _: None,
) -> list[ParkedMessage]:
    """Remove messages for good.

    Args:
        amqp_urls: nodes of one cluster.
        topology: names of the queues.
        message_ids: which ones; None: all.
        first: what to do with each before it goes.
        progress: is told after each.
        done: is given each that was dealt with, also when a later one is refused.

    Raises:
        NameUnknown: none of this id is parked.
    """
    return _take_out(
        amqp_urls, topology, message_ids, lambda _, message: first(message), progress=progress, done=done
    )


def _take_out(
    amqp_urls: Sequence[str],
    topology: Topology,
    message_ids: Sequence[str] | None,
    first: Callable[[BlockingChannel, ParkedMessage], None],
    *,
    progress: Progress,
    done: Callable[[ParkedMessage], object],
) -> list[ParkedMessage]:
    """Do something first with each wanted message, then acknowledge it."""
    with _holding(amqp_urls, topology) as (channel, held):
        known = {message.message_id: (tag, message) for tag, message in held}
        wanted = (
            held if message_ids is None else [look_up("parked message", id_, known) for id_ in message_ids]
        )
        for number, (tag, message) in enumerate(wanted, 1):
            first(channel, message)
            channel.basic_ack(tag)
            done(message)
            progress(number, len(wanted))
        return [message for _, message in wanted]


def _trace(headers: Mapping[str, Any]) -> dict[str, str] | None:
    """The header by which a message that starts over stays in its trace, if it has one."""
    carried = parse_traceparent(headers.get(TRACEPARENT))
    return {TRACEPARENT: str(carried)} if carried else None


@contextmanager
def _holding(
    amqp_urls: Sequence[str], topology: Topology, limit: int | None = None
) -> Iterator[tuple[BlockingChannel, list[_Held]]]:
    """Hold parked messages; what is not acknowledged goes back when the connection closes."""
    connection = None
    try:
        connection = pika.BlockingConnection([connection_parameters(url, "parked") for url in amqp_urls])
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel, list(islice(_everything(channel, topology.name("parked")), limit))
    except (AMQPError, OSError) as error:
        raise BrokerUnreachable(f"the broker does not answer ({error!r}); check MAILROOM_AMQP_URL") from error
    finally:
        if connection is not None:
            with suppress(AMQPError):
                connection.close()


def _everything(channel: BlockingChannel, queue: str) -> Iterator[_Held]:
    while (got := _next(channel, queue))[0] is not None:
        method, properties, body = got
        yield (
            method.delivery_tag,
            ParkedMessage(properties.message_id or "", properties.type or "", properties.headers or {}, body),
        )


def _next(channel: BlockingChannel, queue: str) -> Any:  # noqa: ANN401 - pika has no types
    """The next message; none when nothing has ever been connected that declares the queue."""
    try:
        return channel.basic_get(queue)
    except ChannelClosedByBroker as error:
        if error.reply_code == _NOT_FOUND:
            return None, None, None
        raise
