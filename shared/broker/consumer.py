"""Consuming: the I/O thread takes messages in and gives acknowledgements back, in runs.

An acknowledgement costs the broker about as much as a message, so those of consecutive messages leave as one
(`multiple`). A delivery remembers its channel: after a reconnect the broker hands the message out again, and
acknowledging its old tag on the new channel would close that channel.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pika
import pika.spec
import structlog
from pika.channel import Channel

from shared.broker.link import Link
from shared.broker.topology import Topology

_log = structlog.get_logger()
#: Seconds; acknowledgements that arrive within it leave together.
_GATHER = 0.005


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it was delivered."""

    channel: int
    tag: int
    type: str | None
    message_id: str | None
    routing_key: str
    body: bytes
    headers: Mapping[str, Any] = field(default_factory=dict)
    redelivered: bool = False


class Consumer:
    """Consumes one queue over a connection of its own.

    Args:
        urls: nodes of one cluster.
        name: shown by the broker.
        topology: declared at every connection.
        queue: full name of the queue.
        prefetch: the most messages in hand.
        deliver: called on the I/O thread with each delivery; must not block.
    """

    def __init__(
        self,
        urls: Sequence[str],
        name: str,
        topology: Topology,
        *,
        queue: str,
        prefetch: int,
        deliver: Callable[[Delivery], None],
    ) -> None:
        self._queue = queue
        self._prefetch = prefetch
        self._deliver = deliver
        self._taking = True
        # Of the current channel; touched on the I/O thread only.
        self._channel: Channel | None = None
        self._channel_number = 0
        self._consumer_tag: str | None = None
        self._outstanding: deque[int] = deque()
        self._acknowledged: set[int] = set()
        self._flush_planned = False
        self._link = Link(urls, f"{name}-consume", topology, on_channel=self._begin, on_lost=self._lost)

    def start(self) -> None:
        """Begin to connect and consume."""
        self._link.start()

    def stop_taking(self) -> None:
        """Ask for no more messages; those in hand may still be acknowledged."""
        self._taking = False
        self._link.call(self._cancel)

    def stop(self) -> None:
        """Send the last acknowledgements and close the connection."""
        self._link.call(self._flush)
        self._link.stop()

    def silence(self) -> float:
        """Return for how many seconds the I/O loop has not turned."""
        return self._link.silence()

    @property
    def registered(self) -> bool:
        """Whether it has asked for messages on an open channel; the broker may not know of it yet."""
        return self._link.open.is_set()

    def holds(self, delivery: Delivery) -> bool:
        """Whether a message is still this consumer's: after a reconnect the broker gives it out again."""
        return self.registered and delivery.channel == self._channel_number

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that a message is done with; from any thread."""
        self._link.call(partial(self._note_acknowledged, delivery))

    def _begin(self, channel: Channel) -> None:
        self._channel = channel
        self._channel_number += 1
        self._outstanding.clear()
        self._acknowledged.clear()
        if not self._taking:
            return
        channel.basic_qos(prefetch_count=self._prefetch)
        channel.add_on_cancel_callback(lambda _: self._cancelled_by_broker(channel))
        self._consumer_tag = channel.basic_consume(self._queue, self._receive)

    def _lost(self) -> None:
        self._channel = self._consumer_tag = None
        # a flush that was planned has gone with the loop of the lost connection
        self._flush_planned = False

    def _cancelled_by_broker(self, channel: Channel) -> None:
        """The queue was deleted or its leader moved: start over with a new connection."""
        _log.warning("cancelled by the broker", action="consumer-cancelled", queue=self._queue)
        channel.close()

    def _cancel(self) -> None:
        if self._channel is not None and self._channel.is_open and self._consumer_tag is not None:
            self._channel.basic_cancel(self._consumer_tag, callback=lambda _: None)

    def _receive(
        self,
        _: Channel,
        method: pika.spec.Basic.Deliver,
        properties: pika.BasicProperties,
        body: bytes,
    ) -> None:
        self._outstanding.append(method.delivery_tag)
        self._deliver(
            Delivery(
                channel=self._channel_number,
                tag=method.delivery_tag,
                type=properties.type and _text(properties.type),
                message_id=properties.message_id and _text(properties.message_id),
                routing_key=method.routing_key,
                body=body,
                headers={_text(name): value for name, value in (properties.headers or {}).items()},
                redelivered=method.redelivered,
            )
        )

    def _current_channel(self, delivery: Delivery) -> Channel | None:
        """The channel a message came by, if it is the one that is open now."""
        channel = self._channel
        return channel if channel and channel.is_open and delivery.channel == self._channel_number else None

    def _note_acknowledged(self, delivery: Delivery) -> None:
        if self._current_channel(delivery) is None:
            return
        self._acknowledged.add(delivery.tag)
        if not self._flush_planned:
            self._flush_planned = True
            self._link.later(_GATHER, self._flush)

    def _flush(self) -> None:
        self._flush_planned = False
        if self._channel is None or not self._channel.is_open:
            return
        last = 0
        while self._outstanding and self._outstanding[0] in self._acknowledged:
            last = self._outstanding.popleft()
            self._acknowledged.discard(last)
        if last:
            self._channel.basic_ack(last, multiple=True)
        # The rest overtook a slower message; they must not wait for it, or the prefetch window would fill.
        for tag in self._acknowledged:
            self._channel.basic_ack(tag)
            self._outstanding.remove(tag)
        self._acknowledged.clear()


def _text(name: str | bytes) -> str:
    """A short string, which may be any octets; what of them is not UTF-8 pika hands over as they are."""
    return name.decode(errors="replace") if isinstance(name, bytes) else name
