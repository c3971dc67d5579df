"""The window of a publisher: what waits to be sent, and what was sent and has no answer yet.

Plain bookkeeping without a broker. It is bounded by number, because confirms come in runs and more brings
nothing, and by octets, because what is sent and not yet read by the broker is memory of this process.
"""

import itertools
import threading
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.broker.message import Outcome, Outgoing


class Run:
    """Messages published together, and what became of each.

    Attributes:
        settled: set when every message has its outcome.
        abandoned: nobody waits for it any longer.
    """

    def __init__(self, messages: Sequence[Outgoing]) -> None:
        self.settled = threading.Event()
        self.abandoned = False
        self._outcomes: list[Outcome | None] = [None] * len(messages)
        self._refused: set[int] = set()
        self.pending = [Pending(message, self, index) for index, message in enumerate(messages)]
        self._open = len(messages)

    def settle(self, index: int, outcome: Outcome) -> None:
        """Note a final outcome."""
        self._outcomes[index] = outcome
        self._refused.discard(index)
        self._open -= 1
        if self._open == 0:
            self.settled.set()

    def refuse(self, index: int) -> None:
        """Note that the queue did not take a message yet."""
        self._refused.add(index)

    @property
    def refused(self) -> bool:
        """Whether a full queue is what it waits for."""
        return bool(self._refused)

    def outcomes(self) -> list[Outcome]:
        """Return what is known of each message by now."""
        return [
            outcome or (Outcome.REFUSED if index in self._refused else Outcome.UNCONFIRMED)
            for index, outcome in enumerate(self._outcomes)
        ]


@dataclass(slots=True, eq=False)
class Pending:
    """A message on its way.

    Attributes:
        message: the message.
        run: whose it is; None when nobody waits for it.
        index: its place in the run.
        sent_at: clock of the process, for measuring.
    """

    message: Outgoing
    run: Run | None = None
    index: int = 0
    sent_at: float = 0.0

    @property
    def wanted(self) -> bool:
        """Whether it is still to be published."""
        return self.run is None or not self.run.abandoned


class Window:
    """Messages of one publisher.

    Args:
        most: of the messages sent and unanswered.
        most_octets: of their bodies together; one message may exceed it alone.
    """

    def __init__(self, most: int, most_octets: int) -> None:
        self._most = most
        self._most_octets = most_octets
        self._waiting: deque[Pending] = deque()
        self._refused: list[Pending] = []
        # of the current channel, by delivery tag
        self._sent: dict[int, Pending] = {}
        self._sent_octets = 0
        self._last_tag = 0
        # The broker returns a message before it confirms it, naming its address and id but no tag.
        self._returned: Counter[tuple[str, str, str | None]] = Counter()

    def add(self, pending: Iterable[Pending]) -> None:
        """Queue messages to be sent."""
        self._waiting.extend(pending)

    def abandon(self, run: Run) -> None:
        """Send nothing more of a run that nobody waits for any longer."""
        run.abandoned = True
        self._waiting = deque(pending for pending in self._waiting if pending.wanted)

    def refuse(self, pending: Pending) -> None:
        """Put a message aside that its queue did not take, to be offered again."""
        self._refused.append(pending)

    def offer_again(self) -> None:
        """Queue the messages that were put aside."""
        self._waiting.extend(pending for pending in self._refused if pending.wanted)
        self._refused.clear()

    def next(self) -> Pending | None:
        """Take the next message to send, with the channel's next delivery tag; None when none may go now."""
        if not self._waiting or len(self._sent) >= self._most:
            return None
        size = len(self._waiting[0].message.body)
        if self._sent and self._sent_octets + size > self._most_octets:
            return None
        pending = self._waiting.popleft()
        self._last_tag += 1
        self._sent[self._last_tag] = pending
        self._sent_octets += size
        return pending

    def note_returned(self, exchange: str, routing_key: str, message_id: str | None) -> None:
        """Remember that the broker found no queue for a message."""
        self._returned[exchange, routing_key, message_id] += 1

    def answered(self, tag: int, *, multiple: bool) -> list[tuple[Pending, bool]]:
        """Take out what the broker has answered; tells of each whether it had been returned."""
        # tags only grow, and a dictionary keeps their order
        tags = list(itertools.takewhile(lambda each: each <= tag, self._sent)) if multiple else [tag]
        taken = [pending for each in tags if (pending := self._sent.pop(each, None))]
        self._sent_octets -= sum(len(pending.message.body) for pending in taken)
        return [(pending, self._was_returned(pending.message)) for pending in taken]

    def lose(self) -> None:
        """The channel is gone: what it had not answered is to be sent again, on the next one."""
        again = [pending for pending in self._sent.values() if pending.wanted]
        self._waiting.extendleft(reversed(again))
        self.offer_again()
        self._sent.clear()
        self._returned.clear()
        self._sent_octets = self._last_tag = 0

    def _was_returned(self, message: Outgoing) -> bool:
        if not self._returned:
            return False
        address = (message.exchange, message.routing_key, message.message_id)
        returned = self._returned[address] > 0
        self._returned -= Counter({address: 1})  # which also drops what has come to nothing
        return returned
