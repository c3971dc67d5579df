"""Messages on their way to the broker, and what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Protocol


class Message(Protocol):
    """What every wire schema offers: `shared.wire`'s ReportRun, BouncesPoll and Mail."""

    TYPE: ClassVar[str]

    @property
    def message_id(self) -> str:
        """The deterministic AMQP message id."""

    def encode(self) -> bytes:
        """Return the body."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message with its address; published persistent, mandatory and confirmed."""

    exchange: str
    routing_key: str
    message_id: str
    type: str
    body: bytes
    headers: Mapping[str, Any] = field(default_factory=dict)


class Outcome(Enum):
    """What the broker said of one publish."""

    #: On disk in a quorum of replicas.
    CONFIRMED = "confirmed"
    #: No queue takes messages with this address: the topology is not what it should be.
    UNROUTABLE = "unroutable"
    #: The queue is full (`reject-publish`) or failed; the same message may be published again later.
    REFUSED = "refused"
    #: No answer in time; the message may or may not be in the queue.
    UNCONFIRMED = "unconfirmed"


class Publishing(Protocol):
    """What services ask of a publisher; `shared.broker.publisher.Publisher` is the real one."""

    def publish(self, messages: "list[Outgoing]") -> list[Outcome]:
        """Publish all of `messages`, wait for every outcome, and return them in the same order."""
