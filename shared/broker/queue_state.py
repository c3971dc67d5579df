"""What the broker tells of a queue."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue at one moment.

    Attributes:
        ready: messages that no consumer has in hand.
        consumers: who takes from it.
    """

    ready: int
    consumers: int
