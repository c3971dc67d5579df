"""Publishing with a window of unconfirmed messages, at the broker's pace.

Waiting for each confirm costs a round trip and a disk sync per message; keeping up to a thousand publishes
open costs them once per window. Every publish is persistent; the broker's `basic.return` of an unroutable
message comes before its ack, so each outcome is known when its ack arrives.

A broker that takes no messages is waited for: while it has blocked the connection for want of memory or disk,
and while a queue is full, the time that a caller allows for confirms stands still, up to a bound of its own.
Callers wait in `publish`, so what is in memory is what they hold.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Self

import pika
import pika.spec
from pika.channel import Channel
from pika.frame import Method

from shared.broker.link import Link
from shared.broker.message import Outcome, Outgoing
from shared.broker.queue_state import QueueState
from shared.broker.topology import Topology
from shared.broker.window import Pending, Run, Window
from shared.settings import Settings
from shared.telemetry.metrics import (
    BROKER_BLOCKED,
    BROKER_CONNECTED,
    EVENTS_DROPPED,
    PUBLISH_CONFIRM,
    PUBLISHES_IN_PROGRESS,
)
from shared.wire.fields import CONTENT_TYPE

#: Seconds between two looks of a caller that waits.
_LOOK = 0.1
#: Seconds until a message that a full queue has refused is offered again.
_OFFER_AGAIN = 1.0
#: Seconds the broker may take to say how full a queue is.
_DEPTH_TIMEOUT = 5.0


class Publisher:
    """Publishes from any thread over a connection of its own.

    Args:
        urls: nodes of one cluster.
        name: shown by the broker.
        topology: declared at every connection.
        window: the most unconfirmed messages.
        window_octets: the most octets of their bodies.
        timeout: seconds that one `publish` call may wait for its confirms, reconnecting included.
        patience: seconds it may wait besides, while the broker takes no messages or a queue is full.
    """

    def __init__(
        self,
        urls: Sequence[str],
        name: str,
        topology: Topology,
        *,
        window: int = 1000,
        window_octets: int = 8 * 1024**2,
        timeout: float = 60,
        patience: float = 0,
    ) -> None:
        self._timeout = timeout
        self._patience = patience
        self._most_posts = window
        self._lock = threading.Lock()
        # Both under the lock: callers add and abandon, the I/O thread does the rest.
        self._window = Window(window, window_octets)
        self._posts = 0
        self._channel: Channel | None = None
        self._draining = False
        self._stopped = False
        self._link = Link(
            urls,
            f"{name}-publish",
            topology,
            on_channel=self._begin,
            on_lost=self._lost,
            on_blocked=self._block,
        )

    @classmethod
    def of(cls, settings: Settings, name: str, patience: timedelta | None = None) -> Self:
        """Make the publisher that a service's settings ask for.

        Args:
            settings: the `[broker]` section.
            name: shown by the broker.
            patience: instead of `broker.blocked_timeout`, for who has something better to do than to wait.
        """
        broker = settings.broker
        return cls(
            settings.amqp_url,
            name,
            Topology.of(settings),
            window=broker.publish_window,
            window_octets=broker.publish_window_octets,
            timeout=broker.publish_timeout.total_seconds(),
            patience=(broker.blocked_timeout if patience is None else patience).total_seconds(),
        )

    def start(self) -> None:
        """Begin to connect."""
        self._link.start()

    def drain(self) -> None:
        """From now on wait only while the broker is there and takes messages."""
        self._draining = True

    def stop(self) -> None:
        """Close the connection; whoever still waits gets UNCONFIRMED."""
        self._stopped = True
        self._link.stop()

    def silence(self) -> float:
        """Return for how many seconds the I/O loop has not turned."""
        return self._link.silence()

    @property
    def connected(self) -> bool:
        """Whether a channel is open now."""
        return self._link.open.is_set()

    @property
    def blocked(self) -> bool:
        """Whether the broker has said that it takes no messages now."""
        return self._link.blocked.is_set()

    def trouble(self) -> str | None:
        """Say why nothing can be published now."""
        if not self.connected:
            return "the publisher is not connected"
        return "the broker takes no messages: it is low on memory or disk" if self.blocked else None

    def publish(self, messages: list[Outgoing]) -> list[Outcome]:
        """Publish all of `messages`, wait for every outcome, and return them in the same order.

        After a lost connection the unconfirmed ones are published again, so a message may reach its queue
        twice; whoever consumes drops the second by its id.
        """
        if not messages:
            return []
        run = Run(messages)
        with self._lock:
            self._window.add(run.pending)
        self._link.call(self._pump)
        with PUBLISHES_IN_PROGRESS.track_inprogress():
            self._wait(run)
        with self._lock:
            if not run.settled.is_set():
                self._window.abandon(run)
            return run.outcomes()

    def post(self, messages: list[Outgoing]) -> None:
        """Publish without waiting, for who can do without an answer and whoever may be listening.

        Messages that would make more than a window of them are dropped and counted.
        """
        with self._lock:
            taken = messages[: self._most_posts - self._posts]
            self._posts += len(taken)
            self._window.add(map(Pending, taken))
        EVENTS_DROPPED.inc(len(messages) - len(taken))
        self._link.call(self._pump)

    def depth(self, queue_name: str) -> int | None:
        """Return how many messages are ready in a queue, or None when the broker does not say now.

        Args:
            queue_name: full name of a queue of the topology.
        """
        if self.trouble():
            return None
        answer: queue.SimpleQueue[QueueState] = queue.SimpleQueue()
        self.ask(queue_name, answer.put)
        try:
            return answer.get(timeout=_DEPTH_TIMEOUT).ready
        except queue.Empty:
            return None

    def ask(self, queue_name: str, answer: Callable[[QueueState], None]) -> None:
        """Ask the broker about a queue of the topology, without waiting.

        Args:
            queue_name: its full name.
            answer: called on the I/O thread; never, while there is no channel.
        """
        self._link.call(partial(self._ask, queue_name, answer))

    def _wait(self, run: Run) -> None:
        """Wait until a run is settled, or too long: for the broker's answers, or for it to take messages."""
        left = {"answer": self._timeout, "room": self._patience}
        before = time.monotonic()
        while not run.settled.wait(_LOOK):
            now = time.monotonic()
            left["room" if self.blocked or run.refused else "answer"] -= now - before
            before = now
            if self._stopped or min(left.values()) < 0:
                return
            if self._draining and (run.refused or self.trouble()):
                return

    def _begin(self, channel: Channel) -> None:
        self._channel = channel
        channel.confirm_delivery(self._confirmed)
        channel.add_on_return_callback(self._message_returned)
        BROKER_CONNECTED.set(1)
        self._pump()

    def _lost(self) -> None:
        self._channel = None
        BROKER_BLOCKED.set(0)
        BROKER_CONNECTED.set(0)
        with self._lock:
            self._window.lose()

    def _block(self, blocked: bool) -> None:  # noqa: FBT001 - a callback's one argument
        BROKER_BLOCKED.set(blocked)
        self._pump()

    def _pump(self) -> None:
        channel = self._channel
        while channel is not None and channel.is_open and not self.blocked:
            with self._lock:
                pending = self._window.next()
            if pending is None:
                return
            pending.sent_at = time.perf_counter()
            _publish(channel, pending.message, mandatory=pending.run is not None)

    def _ask(self, queue_name: str, answer: Callable[[QueueState], None]) -> None:
        if self._channel is not None and self._channel.is_open:
            self._channel.queue_declare(
                queue_name,
                passive=True,
                callback=lambda frame: answer(
                    QueueState(frame.method.message_count, frame.method.consumer_count)
                ),
            )

    def _message_returned(
        self, _: Channel, method: pika.spec.Basic.Return, properties: pika.BasicProperties, ___: bytes
    ) -> None:
        with self._lock:
            self._window.note_returned(method.exchange, method.routing_key, properties.message_id)

    def _confirmed(self, frame: Method) -> None:
        answer = frame.method
        taken = isinstance(answer, pika.spec.Basic.Ack)
        with self._lock:
            for pending, returned in self._window.answered(answer.delivery_tag, multiple=answer.multiple):
                PUBLISH_CONFIRM.labels(pending.message.exchange).observe(
                    time.perf_counter() - pending.sent_at
                )
                self._settle(pending, taken=taken, returned=returned)
        if not taken:
            self._link.later(_OFFER_AGAIN, self._offer_again)
        self._pump()

    def _settle(self, pending: Pending, *, taken: bool, returned: bool) -> None:
        run = pending.run
        if run is None:
            self._posts -= 1
            EVENTS_DROPPED.inc(not taken)
        elif taken:
            run.settle(pending.index, Outcome.UNROUTABLE if returned else Outcome.CONFIRMED)
        else:
            run.refuse(pending.index)
            self._window.refuse(pending)

    def _offer_again(self) -> None:
        with self._lock:
            self._window.offer_again()
        self._pump()


def _publish(channel: Channel, message: Outgoing, *, mandatory: bool) -> None:
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
        mandatory=mandatory,
    )
