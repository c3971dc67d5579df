"""Announcing never harms the work it tells of."""

from shared.broker import Outgoing
from shared.broker.events import Events
from shared.wire import Event


class Refusing:
    """Something that cannot post."""

    def post(self, messages: list[Outgoing]) -> None:
        raise ZeroDivisionError


def test_an_announcement_that_fails_fails_silently() -> None:
    Events("events", Refusing()).announce("ndr.issued", "n")


def test_an_announcement_that_cannot_be_written_fails_silently() -> None:
    posted: list[Outgoing] = []

    class Recording:
        def post(self, messages: list[Outgoing]) -> None:
            posted.extend(messages)

    events = Events("mailroom.events", Recording())
    events.announce("ndr.issued", "\udcff")
    events.announce("ndr.issued", "n", recipients=1)
    (message,) = posted
    assert (message.exchange, message.routing_key) == ("mailroom.events", "ndr.issued")
    assert Event.decode(message.type, message.body).details == {"recipients": 1}


def test_nothing_is_announced_where_events_are_off() -> None:
    Events("events", None).announce("ndr.issued", "n")
    Events.off().announce("ndr.issued", "n")
