"""Publishing with a window of unconfirmed messages.

Waiting for each confirm costs a round trip and a disk sync per message; keeping up to a thousand publishes
open costs them once per window. Every publish is persistent and `mandatory`; the broker's `basic.return` of
an unroutable message comes before its ack, so each outcome is known when its ack arrives.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import pika
import pika.spec
from pika.channel import Channel
from pika.frame import Method

from shared.broker.link import Link
from shared.broker.message import Outcome, Outgoing
from shared.broker.topology import Topology
from shared.settings import Settings
from shared.telemetry.metrics import PUBLISH_CONFIRM
from shared.wire.fields import CONTENT_TYPE


class _Run:
    """Messages of one `publish` call and what became of them."""

    def __init__(self, messages: Sequence[Outgoing]) -> None:
        self.outcomes: list[Outcome | None] = [None] * len(messages)
        self.open = len(messages)
        self.settled = threading.Event()
        self.given_up = False


@dataclass(slots=True)
class _Pending:
    run: _Run
    index: int
    message: Outgoing
    published_at: float = 0.0


class Publisher:
    """Publishes from any thread over a connection of its own.

    Args:
        urls: nodes of one cluster.
        name: shown by the broker.
        topology: declared at every connection.
        window: the most unconfirmed messages.
        timeout: seconds that one `publish` call may wait for its confirms, reconnecting included.
    """

    def __init__(
        self, urls: Sequence[str], name: str, topology: Topology, *, window: int = 1000, timeout: float = 60
    ) -> None:
        self._window = window
        self._timeout = timeout
        self._waiting: deque[_Pending] = deque()
        # Of the current channel, by delivery tag; touched on the I/O thread only.
        self._unconfirmed: dict[int, _Pending] = {}
        self._returned: set[str] = set()
        self._last_tag = 0
        self._channel: Channel | None = None
        self._link = Link(urls, f"{name}-publish", topology, on_channel=self._begin, on_lost=self._lost)

    @classmethod
    def of(cls, settings: Settings, name: str) -> Self:
        """Make the publisher that a service's settings ask for."""
        return cls(
            settings.amqp_url,
            name,
            Topology.of(settings),
            window=settings.broker.publish_window,
            timeout=settings.broker.publish_timeout.total_seconds(),
        )

    def start(self) -> None:
        """Begin to connect."""
        self._link.start()

    def stop(self) -> None:
        """Close the connection; whoever still waits gets UNCONFIRMED."""
        self._link.stop()

    def silence(self) -> float:
        """Return for how many seconds the I/O loop has not turned."""
        return self._link.silence()

    @property
    def connected(self) -> bool:
        """Whether a channel is open now."""
        return self._link.open.is_set()

    def publish(self, messages: list[Outgoing]) -> list[Outcome]:
        """Publish all of `messages`, wait for every outcome, and return them in the same order.

        After a lost connection the unconfirmed ones are published again, so a message may reach its queue
        twice; whoever consumes drops the second by its id.
        """
        if not messages:
            return []
        run = _Run(messages)
        self._waiting.extend(_Pending(run, index, message) for index, message in enumerate(messages))
        self._link.call(self._pump)
        run.settled.wait(self._timeout)
        run.given_up = True
        return [outcome or Outcome.UNCONFIRMED for outcome in run.outcomes]

    def _begin(self, channel: Channel) -> None:
        self._channel, self._last_tag = channel, 0
        self._returned.clear()
        channel.confirm_delivery(self._confirmed)
        channel.add_on_return_callback(self._message_returned)
        self._pump()

    def _lost(self) -> None:
        self._channel = None
        self._waiting.extendleft(reversed(self._unconfirmed.values()))
        self._unconfirmed.clear()

    def _pump(self) -> None:
        if self._channel is None or not self._channel.is_open:
            return
        while self._waiting and len(self._unconfirmed) < self._window:
            pending = self._waiting.popleft()
            if pending.run.given_up:
                continue
            self._last_tag += 1
            pending.published_at = time.perf_counter()
            self._unconfirmed[self._last_tag] = pending
            _publish(self._channel, pending.message)

    def _message_returned(
        self, _: Channel, __: pika.spec.Basic.Return, properties: pika.BasicProperties, ___: bytes
    ) -> None:
        self._returned.add(properties.message_id)

    def _confirmed(self, frame: Method) -> None:
        answer = frame.method
        outcome = Outcome.CONFIRMED if isinstance(answer, pika.spec.Basic.Ack) else Outcome.REFUSED
        tags = [answer.delivery_tag]
        if answer.multiple:
            tags = [tag for tag in self._unconfirmed if tag <= answer.delivery_tag]
        for tag in tags:
            if (pending := self._unconfirmed.pop(tag, None)) is not None:
                self._settle(pending, outcome)
        self._pump()

    def _settle(self, pending: _Pending, outcome: Outcome) -> None:
        message = pending.message
        if message.message_id in self._returned:
            self._returned.discard(message.message_id)
            outcome = Outcome.UNROUTABLE
        PUBLISH_CONFIRM.labels(message.exchange).observe(time.perf_counter() - pending.published_at)
        run = pending.run
        run.outcomes[pending.index] = outcome
        run.open -= 1
        if run.open == 0:
            run.settled.set()


def _publish(channel: Channel, message: Outgoing) -> None:
    channel.basic_publish(
        message.exchange,
        message.routing_key,
        message.body,
        pika.BasicProperties(
            content_type=CONTENT_TYPE,
            delivery_mode=2,
            message_id=message.message_id,
            type=message.type,
            headers=dict(message.headers) or None,
        ),
        mandatory=True,
    )
