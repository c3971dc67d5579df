"""When a deferred mail is tried again: decided from plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.mail_relay.attempt import Begun, RecipientResult
from services.mail_relay.reply import Verdict

#: Enough for clocks to agree that a time is over.
_MOMENT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """The waits between attempts.

    Attributes:
        steps: after the first attempt, the second ...; the last repeats.
        jitter: how much longer a wait may be, as a part of it, so that what failed together does not come
            back together.
    """

    steps: Sequence[timedelta]
    jitter: float

    def wait(self, begun: Begun, results: Sequence[RecipientResult], chance: float) -> timedelta:
        """Return how long a mail waits for its next attempt; never past its end by more than a moment.

        The recipient who has waited least is the one who decides, so that nobody is late because of another.

        Args:
            begun: what was known when the attempts were opened.
            results: of all attempts; some are deferred, or another relay has recipients in hand.
            chance: 0 to 1.
        """
        numbers = {opened.recipient: opened.number for opened in begun.attempts}
        deferred = [result for result in results if result.verdict is Verdict.DEFERRED]
        waits = [
            self._after(numbers[result.recipient], chance) if result.offered else result.turn or timedelta(0)
            for result in deferred
        ]
        if begun.elsewhere_for is not None:
            waits.append(begun.elsewhere_for + _MOMENT)
        return max(timedelta(0), min(*waits, begun.time_left + _MOMENT))

    def _after(self, number: int, chance: float) -> timedelta:
        return self.steps[min(number, len(self.steps)) - 1] * (1 + self.jitter * chance)
