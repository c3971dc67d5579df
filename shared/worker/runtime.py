"""The runtime of a worker: messages in, handler on worker threads, settled one way or another.

A handler returns (done), raises `Retry` or raises `Poison`; anything else it raises counts as a retry, a
database that is away as one without limit. A message is acknowledged only after what follows from it is
confirmed: for a retry or a parked message, the copy on its new queue.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from shared.broker.consumer import Consumer, Delivery
from shared.broker.message import Outcome, Outgoing
from shared.broker.publisher import Publisher
from shared.broker.topology import Topology
from shared.database.connections import is_outage
from shared.settings import Settings
from shared.telemetry import tracing
from shared.telemetry.metrics import COMMAND_DURATION, COMMANDS_CONSUMED, PARKED, begin_at_zero
from shared.wire import WireError
from shared.worker.outcome import Poison, Retry
from shared.worker.waiting import WAITING, Hop, first_hop, next_hop

_log = structlog.get_logger()

ATTEMPTS = "x-mailroom-attempts"
REASON = "x-mailroom-reason"
ORIGIN = "x-mailroom-origin"
FIRST_FAILED_AT = "x-mailroom-first-failed-at"
LAST_FAILED_AT = "x-mailroom-last-failed-at"
#: The class of the failure, for counting; the reason is for reading.
FAILURE = "x-mailroom-failure"

_REASON_LIMIT = 1000
_OUTCOMES = ("done", "retried", "waiting", "parked", "requeued")
#: Seconds; a message that could be neither processed nor moved stays in hand meanwhile.
_PAUSE_BETWEEN_MOVES = 1.0
#: Seconds without a turn of an I/O loop after which the process counts as stuck.
_SILENCE_LIMIT = 30


class Worker:
    """Consumes one queue with a handful of threads.

    Args:
        queue_name: short name of the queue (`report-commands`, `bounce-commands`, `mail-out`).
        handle: processes one message; called on several threads at once.
        threads: messages in work at a time.
        prefetch: messages in hand; at least `threads`.
        limited: whether a failing message is parked after `worker.max_attempts`; the relay's mails have
            their own end, the time they expire.
    """

    def __init__(
        self,
        queue_name: str,
        handle: Callable[[Delivery], None],
        *,
        settings: Settings,
        topology: Topology,
        publisher: Publisher,
        threads: int,
        prefetch: int,
        limited: bool = True,
    ) -> None:
        self._queue_name = queue_name
        self._handle = handle
        self._topology = topology
        self._publisher = publisher
        self._max_attempts = settings.worker.max_attempts if limited else None
        self._in_hand: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._draining = threading.Event()
        self._consumer = Consumer(
            settings.amqp_url,
            queue_name,
            topology,
            queue=topology.name(queue_name),
            prefetch=prefetch,
            deliver=self._in_hand.put,
        )
        self._threads = [
            threading.Thread(target=self._work, name=f"{queue_name}-{number}", daemon=True)
            for number in range(threads)
        ]
        self._duration = COMMAND_DURATION.labels(queue_name)
        begin_at_zero(COMMANDS_CONSUMED, (queue_name,), _OUTCOMES)

    def start(self) -> None:
        """Begin to consume."""
        for thread in self._threads:
            thread.start()
        self._consumer.start()

    def drain(self, timeout: float) -> bool:
        """Stop taking messages, finish those in work, acknowledge, and disconnect.

        Messages in hand that no thread has begun stay unacknowledged: the broker gives them to others.

        Returns:
            Whether all work in progress ended within `timeout` seconds.
        """
        self._draining.set()
        self._publisher.drain()
        self._consumer.stop_taking()
        for _ in self._threads:
            self._in_hand.put(None)
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0, until - time.monotonic()))
        self._consumer.stop()
        return not any(thread.is_alive() for thread in self._threads)

    def trouble_living(self) -> str | None:
        """Say what is stuck; the broker being away is no such thing."""
        silence = max(self._consumer.silence(), self._publisher.silence())
        if silence > _SILENCE_LIMIT:
            return f"an I/O loop has not turned for {silence:.0f} s"
        if not self._draining.is_set() and not all(thread.is_alive() for thread in self._threads):
            return "a worker thread has ended"
        return None

    def trouble_working(self) -> str | None:
        """Say why no work can be done now."""
        if not self._consumer.registered:
            return "not registered with the broker"
        return self._publisher.trouble()

    def _work(self) -> None:
        while (delivery := self._in_hand.get()) is not None and not self._draining.is_set():
            if not self._consumer.holds(delivery):
                continue
            started = time.perf_counter()
            with structlog.contextvars.bound_contextvars(message_id=delivery.message_id):
                outcome = self._process(delivery)
            self._duration.observe(time.perf_counter() - started)
            COMMANDS_CONSUMED.labels(self._queue_name, outcome).inc()

    def _process(self, delivery: Delivery) -> str:
        """Handle one message and settle it; returns the outcome's name."""
        if hop := next_hop(delivery.headers, self._topology.retry_steps, datetime.now(UTC)):
            return self._wait(delivery, hop, _own_headers(delivery), outcome="waiting")
        with tracing.consuming(
            self._queue_name,
            delivery.message_id,
            delivery.headers,
            attempts=_attempts(delivery),
            redelivered=delivery.redelivered,
        ) as span:
            outcome = self._attempt(delivery)
            span.note(outcome=outcome)
        return outcome

    def _attempt(self, delivery: Delivery) -> str:
        try:
            self._handle(delivery)
        except (Poison, WireError) as error:
            return self._park(delivery, error)
        except Retry as error:
            return self._retry(delivery, error)
        except Exception as error:  # noqa: BLE001 - one message's failure is never the worker's
            if is_outage(error):
                return self._retry(delivery, Retry(f"PostgreSQL cannot be used now: {error}", limited=False))
            _log.exception("the handler failed", action="message-failed")
            return self._retry(delivery, error)
        self._consumer.acknowledge(delivery)
        return "done"

    def _retry(self, delivery: Delivery, error: Exception) -> str:
        limited = error.limited if isinstance(error, Retry) else True
        delay = error.delay if isinstance(error, Retry) else None
        attempts = _attempts(delivery) + (1 if limited else 0)
        if limited and self._max_attempts is not None and attempts >= self._max_attempts:
            return self._park(delivery, error)
        tracing.fail(error)
        _log.warning("will be tried again", action="message-retried", attempts=attempts, reason=str(error))
        headers = self._history(delivery, error, attempts)
        if delay is not None:
            hop = first_hop(delay, self._topology.retry_steps, datetime.now(UTC))
            return self._wait(delivery, hop, headers, outcome="retried")
        address = self._topology.retry_address(self._queue_name, max(attempts, 1))
        return self._move(delivery, address, headers, outcome="retried")

    def _wait(self, delivery: Delivery, hop: Hop, headers: Mapping[str, Any], *, outcome: str) -> str:
        address = self._topology.step_address(self._queue_name, hop.step)
        return self._move(delivery, address, {**headers, **hop.headers}, outcome=outcome)

    def _park(self, delivery: Delivery, error: Exception) -> str:
        tracing.fail(error)
        _log.error("parked", action="message-parked", reason=str(error), failure=type(error).__name__)
        headers = self._history(delivery, error, _attempts(delivery) + 1)
        outcome = self._move(delivery, (self._topology.parked_exchange, ""), headers, outcome="parked")
        if outcome == "parked":
            PARKED.labels(self._queue_name, type(error).__name__).inc()
        return outcome

    def _history(self, delivery: Delivery, error: Exception, attempts: int) -> dict[str, Any]:
        """The headers of a message that failed."""
        now = datetime.now(UTC).isoformat()
        return {
            **_own_headers(delivery),
            ORIGIN: self._queue_name,
            ATTEMPTS: attempts,
            REASON: str(error)[:_REASON_LIMIT],
            FAILURE: type(error).__name__,
            FIRST_FAILED_AT: delivery.headers.get(FIRST_FAILED_AT, now),
            LAST_FAILED_AT: now,
        }

    def _move(
        self, delivery: Delivery, address: tuple[str, str], headers: Mapping[str, Any], *, outcome: str
    ) -> str:
        """Put a copy on another queue; only when that is safe, let go of the original."""
        exchange, routing_key = address
        copy = Outgoing(
            exchange=exchange,
            routing_key=routing_key,
            message_id=delivery.message_id or "",
            type=delivery.type or "",
            body=delivery.body,
            headers=headers,
        )
        while (outcomes := self._publisher.publish([copy])) != [Outcome.CONFIRMED]:
            # What this consumer does not settle the broker hands out again. Giving it back on purpose would
            # count towards the delivery limit, which is no measure of a broker that takes no messages.
            if self._draining.is_set() or not self._consumer.holds(delivery):
                return "requeued"
            _log.warning("cannot be moved", action="message-held", to=exchange, outcome=outcomes[0].value)
            self._draining.wait(_PAUSE_BETWEEN_MOVES)
        self._consumer.acknowledge(delivery)
        return outcome


def _attempts(delivery: Delivery) -> int:
    attempts = delivery.headers.get(ATTEMPTS, 0)
    return attempts if isinstance(attempts, int) else 0


def _own_headers(delivery: Delivery) -> dict[str, Any]:
    """What travels with a message, without the broker's own notes and without a wait that is over."""
    notes = ("x-death", "x-first-death", "x-last-death", "x-delivery-count", "x-acquired-count", *WAITING)
    return {key: value for key, value in delivery.headers.items() if not key.startswith(notes)}
