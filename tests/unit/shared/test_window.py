"""The publisher's window: bounded, in order, and nothing forgotten when a channel is lost."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from shared.broker import Outcome, Outgoing
from shared.broker.window import Pending, Run, Window

MEBIBYTE = 1024**2


def outgoing(name: str = "m", size: int = 10, key: str = "mail") -> Outgoing:
    return Outgoing("mail-out", key, name, "mail/1", bytes(size))


def send_all(window: Window) -> list[str]:
    """Send what may be sent; returns the ids."""
    sent = []
    while (pending := window.next()) is not None:
        sent.append(pending.message.message_id)
    return sent


def test_no_more_are_sent_than_may_be_unconfirmed() -> None:
    window = Window(2, MEBIBYTE)
    window.add(Run([outgoing("1"), outgoing("2"), outgoing("3")]).pending)
    assert send_all(window) == ["1", "2"]
    window.answered(1, multiple=False)
    assert send_all(window) == ["3"]


def test_no_more_octets_are_sent_than_may_be_unconfirmed() -> None:
    window = Window(100, 1000)
    window.add(Run([outgoing("1", 600), outgoing("2", 600), outgoing("3", 100)]).pending)
    assert send_all(window) == ["1"]
    window.answered(1, multiple=False)
    assert send_all(window) == ["2", "3"]


def test_a_message_larger_than_the_window_goes_alone() -> None:
    window = Window(100, 1000)
    window.add(Run([outgoing("1", 10), outgoing("2", 5000), outgoing("3", 10)]).pending)
    assert send_all(window) == ["1"]
    window.answered(1, multiple=False)
    assert send_all(window) == ["2"]
    window.answered(2, multiple=False)
    assert send_all(window) == ["3"]


def test_what_was_not_answered_when_the_channel_went_is_sent_again_first_and_in_order() -> None:
    window = Window(3, MEBIBYTE)
    window.add(Run([outgoing(str(number)) for number in range(5)]).pending)
    send_all(window)
    window.answered(1, multiple=False)
    window.lose()
    assert send_all(window) == ["1", "2", "3"]
    assert [pending.message.message_id for pending, _ in window.answered(3, multiple=True)] == ["1", "2", "3"]


def test_nothing_of_an_abandoned_run_is_sent_any_more() -> None:
    window = Window(1, MEBIBYTE)
    gone, stays = Run([outgoing("1"), outgoing("2"), outgoing("3")]), Run([outgoing("4")])
    window.add(gone.pending)
    window.add(stays.pending)
    (refused,) = [window.next()]
    assert refused is not None
    window.answered(1, multiple=False)
    window.refuse(refused)
    send_all(window)
    window.abandon(gone)
    window.lose()
    assert send_all(window) == ["4"]


def test_a_refused_message_is_sent_again_once_it_is_offered_again_also_after_a_lost_channel() -> None:
    for happens in (Window.offer_again, Window.lose):
        window = Window(10, MEBIBYTE)
        window.add(Run([outgoing("1")]).pending)
        pending = window.next()
        assert pending is not None
        window.answered(1, multiple=False)
        window.refuse(pending)
        assert send_all(window) == []
        happens(window)
        assert send_all(window) == ["1"]


def test_a_returned_message_is_told_from_others_of_its_id() -> None:
    window = Window(10, MEBIBYTE)
    messages = [outgoing("1", key="nowhere"), outgoing("1"), outgoing("1", key="nowhere")]
    window.add(Run(messages).pending)
    send_all(window)
    for message in (messages[0], messages[2]):
        window.note_returned(message.exchange, message.routing_key, message.message_id)
    assert [returned for _, returned in window.answered(3, multiple=True)] == [True, False, True]


def test_a_run_tells_of_each_message_what_is_known_by_now() -> None:
    run = Run([outgoing("1"), outgoing("2"), outgoing("3")])
    run.settle(0, Outcome.CONFIRMED)
    run.refuse(1)
    assert run.outcomes() == [Outcome.CONFIRMED, Outcome.REFUSED, Outcome.UNCONFIRMED]
    assert run.refused
    run.settle(1, Outcome.CONFIRMED)
    assert not run.refused
    assert not run.settled.is_set()
    run.settle(2, Outcome.UNROUTABLE)
    assert run.settled.is_set()


class Exchange:
    """A window, and a broker that answers it; checks the bounds at each message sent."""

    def __init__(self, sizes: list[int], most: int, octets: int) -> None:
        self.window = Window(most, octets)
        self.window.add(Pending(outgoing(str(number), size)) for number, size in enumerate(sizes))
        self.answered: list[str] = []
        self._most, self._octets = most, octets
        self._sent: dict[int, Pending] = {}
        self._tag = 0

    def send(self) -> bool:
        pending = self.window.next()
        if pending is None:
            return False
        self._tag += 1
        self._sent[self._tag] = pending
        assert len(self._sent) <= self._most
        in_all = sum(len(each.message.body) for each in self._sent.values())
        assert len(self._sent) == 1 or in_all <= self._octets
        return True

    def answer_last(self) -> None:
        self.answered += [pending.message.message_id for pending in self._take(multiple=False)]

    def answer_all(self) -> None:
        self.answered += [pending.message.message_id for pending in self._take(multiple=True)]

    def refuse_last(self) -> None:
        for pending in self._take(multiple=False):
            self.window.refuse(pending)

    def offer_again(self) -> None:
        self.window.offer_again()

    def lose(self) -> None:
        self.window.lose()
        self._sent.clear()
        self._tag = 0

    def _take(self, *, multiple: bool) -> list[Pending]:
        if not self._sent:
            return []
        last = max(self._sent)
        taken = [pending for pending, _ in self.window.answered(last, multiple=multiple)]
        assert taken == (list(self._sent.values()) if multiple else [self._sent[last]])
        self._sent = {} if multiple else {tag: each for tag, each in self._sent.items() if tag != last}
        return taken


STEPS = [
    Exchange.send,
    Exchange.answer_last,
    Exchange.answer_all,
    Exchange.refuse_last,
    Exchange.offer_again,
    Exchange.lose,
]


@given(
    sizes=st.lists(st.integers(0, 500), max_size=40),
    most=st.integers(1, 5),
    octets=st.integers(1, 600),
    steps=st.lists(st.sampled_from(STEPS), max_size=80),
)
def test_whatever_happens_each_message_is_answered_once_and_the_bounds_hold(
    sizes: list[int], most: int, octets: int, steps: list[Callable[[Exchange], object]]
) -> None:
    exchange = Exchange(sizes, most, octets)
    for step in steps:
        step(exchange)
    exchange.lose()
    while exchange.send():
        exchange.answer_all()
    assert sorted(exchange.answered) == sorted(str(number) for number in range(len(sizes)))
