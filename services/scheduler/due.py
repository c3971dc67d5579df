"""Which nominal times of a schedule are to fire now, and when the next one is due."""

import itertools
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from services.scheduler.rhythm import Crontab, Interval, Rhythm

#: With catch_up = skip, a nominal time counts as missed when it is older than this.
MISSED_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A row of `schedule`, without what only people read."""

    name: str
    task: str
    args: Mapping[str, Any]
    crontab: str | None
    every: timedelta | None
    time_zone: str
    one_off: bool
    starts_at: datetime | None
    expires_after: datetime | None
    catch_up: Literal["skip", "latest", "all"]
    last_nominal_at: datetime | None
    created_at: datetime
    enabled_at: datetime

    def rhythm(self) -> Rhythm:
        """Return what its nominal times follow."""
        if self.crontab is not None:
            return Crontab(self.crontab, self.time_zone)
        return Interval(self.every or timedelta.max, self.starts_at or self.created_at)


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Bounds of catching up: how many nominal times, and how old."""

    limit: int = 100
    age: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Due:
    """What a schedule has to do: fire these nominal times, and be looked at again at the next one."""

    nominal_times: tuple[datetime, ...] = ()
    next_at: datetime | None = field(default=None)


def lies_ahead(schedule: Schedule, now: datetime) -> bool:
    """Tell whether a schedule fired or was enabled after `now`, so that the clock must have gone back."""
    last = schedule.last_nominal_at
    return schedule.enabled_at > now or (last is not None and last > now)


def due(schedule: Schedule, now: datetime, catch_up: CatchUp) -> Due:
    """Tell which nominal times of an enabled schedule fire at `now`.

    They follow the previous nominal time, never "now", so that nothing drifts; those from before the schedule
    was enabled or starts, after it expires, or too old to be caught up never fire.

    Raises:
        ScheduleInvalid: its crontab or zone cannot be read.
    """
    every = schedule.catch_up == "all" and not schedule.one_off
    past: deque[datetime] = deque(maxlen=catch_up.limit if every else 1)
    next_at = None
    for nominal in _nominal_times(schedule, now - catch_up.age):
        if nominal > now:
            next_at = nominal
            break
        past.append(nominal)
    if schedule.catch_up == "skip" and past and now - past[0] >= MISSED_AFTER:
        past.clear()
    return Due(tuple(past), next_at)


def _nominal_times(schedule: Schedule, oldest: datetime) -> Iterator[datetime]:
    """Yield, from after `oldest`, the nominal times that have not fired, in order."""
    # Just before its start, so that a nominal time at the start itself counts.
    start = schedule.starts_at - timedelta(microseconds=1) if schedule.starts_at else None
    # A schedule without a start begins with its creation; an interval's anchor fires at once.
    enabled = schedule.enabled_at - timedelta(microseconds=1)
    floor = max(moment for moment in (schedule.last_nominal_at, enabled, start, oldest) if moment)
    last = schedule.expires_after
    return itertools.takewhile(
        lambda nominal: last is None or nominal <= last, schedule.rhythm().after(floor)
    )
