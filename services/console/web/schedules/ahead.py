"""The next firings of a schedule as it is typed: a pure function of it and of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import available_timezones

from services.console.schedules.firings import FiringAhead, firings_ahead
from services.console.schedules.validation import rhythm_in_words, rhythm_problems
from services.scheduler.due import Schedule

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is to come.

    Attributes:
        words: the rhythm.
        firings: the next ones; none when it does not fire any more.
        problems: why it cannot be told; nothing when it can.
    """

    words: str = ""
    firings: Sequence[FiringAhead] = ()
    problems: Sequence[str] = ()


def look_ahead(schedule: Schedule, now: datetime, count: int = _SHOWN) -> Ahead:
    """Tell when a schedule would fire next, were it enabled.

    Args:
        schedule: as it is, or as it would be stored.
        now: with a zone.
        count: the most firings.
    """
    if problems := rhythm_problems(schedule):
        return Ahead(problems=tuple(problem.message for problem in problems))
    words = rhythm_in_words(schedule.crontab, schedule.every)
    return Ahead(words, tuple(firings_ahead(schedule, now, count)))


@cache
def time_zones() -> Sequence[str]:
    """Return the names that a time zone can have."""
    return tuple(sorted(available_timezones()))
