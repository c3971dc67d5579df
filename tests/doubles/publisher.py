"""A publisher that keeps what it is given; test_publishing_conformance.py holds it to the real one."""

from collections.abc import Callable

from shared.broker import Outcome, Outgoing

_KNOWN_KEYS = {"mail", "report.run", "bounces.poll"}


class RecordingPublisher:
    """Confirms what has a queue, and remembers it, posts apart.

    Args:
        refuse: tells which messages the broker would not take.
    """

    def __init__(self, refuse: Callable[[Outgoing], bool] = lambda _: False) -> None:
        self.published: list[Outgoing] = []
        self.posted: list[Outgoing] = []
        self._refuse = refuse

    def publish(self, messages: list[Outgoing]) -> list[Outcome]:
        return [self._publish(message) for message in messages]

    def post(self, messages: list[Outgoing]) -> None:
        self.posted += messages

    def _publish(self, message: Outgoing) -> Outcome:
        if message.routing_key not in _KNOWN_KEYS:
            return Outcome.UNROUTABLE
        if self._refuse(message):
            return Outcome.REFUSED
        self.published.append(message)
        return Outcome.CONFIRMED
