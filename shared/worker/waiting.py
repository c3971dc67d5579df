"""Any delay, out of the few steps of the retry ladder.

A message that is to wait goes onto the largest step that fits into what is left, comes back, is looked at,
and hops on until less than half of the smallest step is left: an hour and 25 seconds are 1h + 10s + 10s on
the default ladder. It carries when it is due, and what is left of its delay when its hop ends. The lesser of
the two counts: time spent in a queue behind others is not waited for twice, and a clock that has gone back
since, or another host's clock that is behind, holds nothing up for longer than was asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

#: When a waiting message is due, RFC 3339.
NOT_BEFORE = "x-mailroom-not-before"
#: What is left of its delay once its present hop ends, in milliseconds.
WAIT_LEFT = "x-mailroom-wait-left"
WAITING = (NOT_BEFORE, WAIT_LEFT)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Hop:
    """One stay on the ladder.

    Attributes:
        step: how long.
        headers: what the message carries meanwhile.
    """

    step: timedelta
    headers: Mapping[str, Any]


def first_hop(delay: timedelta, steps: Sequence[timedelta], now: datetime) -> Hop:
    """Return the first hop of a delay; it is at least the smallest of `steps`."""
    return _hop(delay, steps, now + delay)


def next_hop(headers: Mapping[str, Any], steps: Sequence[timedelta], now: datetime) -> Hop | None:
    """Return the hop that a message has still to take, or None when it is due or was not waiting."""
    due = _read_due(headers)
    left = headers.get(WAIT_LEFT)
    if due is None or not isinstance(left, int):
        return None
    # as numbers, because what a header says may be more than a timedelta holds
    wait = min((due - now) // _MILLISECOND, left)
    return None if wait * 2 < min(steps) // _MILLISECOND else _hop(wait * _MILLISECOND, steps, due)


def _hop(wait: timedelta, steps: Sequence[timedelta], due: datetime) -> Hop:
    step = max((step for step in steps if step <= wait), default=min(steps))
    left = max(wait - step, timedelta(0)) // _MILLISECOND
    return Hop(step, {NOT_BEFORE: due.isoformat(), WAIT_LEFT: left})


def _read_due(headers: Mapping[str, Any]) -> datetime | None:
    """When a message is due; None when it does not say so in a form that can be compared."""
    try:
        due = datetime.fromisoformat(str(headers[NOT_BEFORE]))
    except (KeyError, ValueError):
        return None
    return due if due.tzinfo else None
