"""The exchanges and queues of Mailroom (contracts 4), and how each message is addressed.

All of it is declared again at every connection; declaring what exists changes nothing. Queues are quorum
queues, which need `x-delivery-limit` said explicitly before RabbitMQ 4.0. Past that limit the broker itself
moves a message to the parked queue: the last guard against a message that kills its worker before any of our
own code can count attempts.

Delayed retry is a ladder of queues, one per delay step, because a TTL expires only at a queue's head: with
one TTL per queue nothing waits behind a longer wait. The routing key `<step>.<queue>` leads into the step's
queue and, when the step has passed, from the `returned` exchange back to the queue the message came from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from shared.broker.message import Message, Outgoing
from shared.settings import Settings
from shared.wire import BouncesPoll, Mail, ReportRun

REPORT_COMMANDS = "report-commands"
BOUNCE_COMMANDS = "bounce-commands"
MAIL_OUT = "mail-out"

_ROUTES: Mapping[str, tuple[str, str, str]] = {
    # message type: exchange, routing key, queue
    ReportRun.TYPE: ("commands", "report.run", REPORT_COMMANDS),
    BouncesPoll.TYPE: ("commands", "bounces.poll", BOUNCE_COMMANDS),
    Mail.TYPE: ("mail-out", "mail", MAIL_OUT),
}
#: Short names of the queues that workers consume.
WORK_QUEUES = frozenset(queue for _, _, queue in _ROUTES.values())

_DELIVERY_LIMIT = 50
#: Every version takes a large number; -1, which says the same, only newer ones.
_UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange to declare."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue to declare."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding to declare."""

    exchange: str
    routing_key: str
    queue: str


@dataclass(frozen=True, slots=True)
class Topology:
    """Every name Mailroom uses on a broker.

    Attributes:
        prefix: stands in front of every exchange and queue name.
        retry_steps: delays of the retry ladder, shortest first.
    """

    prefix: str = "mailroom"
    retry_steps: Sequence[timedelta] = (
        timedelta(seconds=10),
        timedelta(minutes=1),
        timedelta(minutes=10),
        timedelta(hours=1),
    )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the topology that a service's settings ask for."""
        return cls(settings.amqp_prefix, settings.broker.retry_steps)

    def name(self, short: str) -> str:
        """Return the full name of an exchange or queue."""
        return f"{self.prefix}.{short}"

    def address(self, message: Message) -> Outgoing:
        """Return a message as it goes to the queue of its type."""
        exchange, routing_key, _ = _ROUTES[message.TYPE]
        return Outgoing(self.name(exchange), routing_key, message.message_id, message.TYPE, message.encode())

    def queue_address(self, queue: str) -> tuple[str, str]:
        """Return exchange and routing key that lead to a queue which workers consume.

        Args:
            queue: its short name.
        """
        return next((self.name(exchange), key) for exchange, key, name in _ROUTES.values() if name == queue)

    def retry_address(self, queue: str, attempt: int) -> tuple[str, str]:
        """Return exchange and routing key that bring a message back to `queue` after its delay.

        Args:
            queue: short name of the queue it came from.
            attempt: how often it was tried; past the ladder's end the last step repeats.
        """
        return self.step_address(queue, self.retry_steps[min(attempt, len(self.retry_steps)) - 1])

    def step_address(self, queue: str, step: timedelta) -> tuple[str, str]:
        """Return exchange and routing key that bring a message back to `queue` after one of the steps."""
        return self.name("retry"), f"{_step_name(step)}.{queue}"

    @property
    def parked_exchange(self) -> str:
        """Where what cannot be processed goes."""
        return self.name("parked")

    @property
    def events_exchange(self) -> str:
        """Where events go."""
        return self.name("events")

    def exchanges(self) -> list[Exchange]:
        """Return every exchange."""
        return [
            Exchange(self.name("commands"), "direct"),
            Exchange(self.name("mail-out"), "direct"),
            Exchange(self.name("retry"), "direct"),
            Exchange(self.name("returned"), "direct"),
            Exchange(self.parked_exchange, "fanout"),
            Exchange(self.events_exchange, "topic"),
        ]

    def queues(self) -> list[Queue]:
        """Return every queue with its arguments."""
        work = [
            Queue(
                self.name(queue),
                {
                    "x-queue-type": "quorum",
                    "x-delivery-limit": _DELIVERY_LIMIT,
                    "x-dead-letter-exchange": self.parked_exchange,
                    "x-dead-letter-strategy": "at-least-once",
                    "x-overflow": "reject-publish",
                },
            )
            for _, _, queue in _ROUTES.values()
        ]
        ladder = [
            Queue(
                self.name(f"retry.{_step_name(step)}"),
                {
                    "x-queue-type": "quorum",
                    "x-message-ttl": int(step.total_seconds() * 1000),
                    "x-dead-letter-exchange": self.name("returned"),
                    "x-dead-letter-strategy": "at-least-once",
                    "x-overflow": "reject-publish",
                },
            )
            for step in self.retry_steps
        ]
        # Looking at parked messages delivers them; RabbitMQ 4 would drop them after 20 looks.
        parked = {"x-queue-type": "quorum", "x-delivery-limit": _UNLIMITED}
        return [*work, *ladder, Queue(self.name("parked"), parked)]

    def bindings(self) -> list[Binding]:
        """Return every binding."""
        routes = [
            Binding(self.name(exchange), routing_key, self.name(queue))
            for exchange, routing_key, queue in _ROUTES.values()
        ]
        ladder = [
            binding
            for step in self.retry_steps
            for _, _, queue in _ROUTES.values()
            for key in (f"{_step_name(step)}.{queue}",)
            for binding in (
                Binding(self.name("retry"), key, self.name(f"retry.{_step_name(step)}")),
                Binding(self.name("returned"), key, self.name(queue)),
            )
        ]
        return [*routes, *ladder, Binding(self.parked_exchange, "", self.name("parked"))]


def _step_name(step: timedelta) -> str:
    """10s, 1m, 10m, 1h: the largest unit that divides the step; below a second, milliseconds."""
    milliseconds = int(step.total_seconds() * 1000)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"
