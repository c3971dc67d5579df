"""When a schedule will fire next, with what daylight saving does to it: a pure function of time."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.scheduler.due import CatchUp, Schedule, due
from services.scheduler.rhythm import Crontab

_ONLY_THE_NEXT = CatchUp(limit=1, age=timedelta())


@dataclass(frozen=True, slots=True)
class FiringAhead:
    """A nominal time that is to come.

    Attributes:
        utc: in UTC.
        local: in the schedule's zone.
        notes: what a change of the clocks does between the firing before and this one.
    """

    utc: datetime
    local: datetime
    notes: tuple[str, ...] = ()

    @property
    def local_text(self) -> str:
        """The time in the schedule's zone, as people read it."""
        return f"{self.local:%a %Y-%m-%d %H:%M:%S %Z}"

    @property
    def utc_text(self) -> str:
        """The time in UTC, as people read it."""
        return f"{self.utc:%Y-%m-%d %H:%M:%S}"


def firings_ahead(schedule: Schedule, now: datetime, count: int) -> list[FiringAhead]:
    """Return the next nominal times of a schedule, as if it was enabled.

    Args:
        schedule: one that the scheduler would read.
        now: with a zone.
        count: the most to return; fewer where the schedule ends.

    Raises:
        ScheduleInvalid: its crontab or zone cannot be read.
    """
    moments = list(itertools.islice(_nominal_times(schedule, now), 1 if schedule.one_off else count))
    zone = ZoneInfo(schedule.time_zone)
    return [
        FiringAhead(moment.astimezone(UTC), moment.astimezone(zone), tuple(_notes(schedule, before, moment)))
        for before, moment in itertools.pairwise([now, *moments])
    ]


def _nominal_times(schedule: Schedule, now: datetime) -> Iterator[datetime]:
    moment = due(schedule, now, _ONLY_THE_NEXT).next_at
    while moment is not None:
        yield moment
        moment = due(schedule, moment, _ONLY_THE_NEXT).next_at


def _notes(schedule: Schedule, before: datetime, moment: datetime) -> Iterator[str]:
    zone = ZoneInfo(schedule.time_zone)
    then, local = before.astimezone(zone), moment.astimezone(zone)
    if then.utcoffset() != local.utcoffset():
        yield f"before it the UTC offset changes from {_offset(then)} to {_offset(local)}"
    if schedule.crontab is None:
        return
    if skipped := [wall for wall in _wall_times(schedule.crontab, then, local) if not _exists(wall, zone)]:
        yield f"{', '.join(f'{wall:%H:%M}' for wall in skipped)} does not exist on {skipped[0]:%Y-%m-%d}"
    if local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset():
        yield f"{local:%H:%M} comes twice on this day; this is the {'second' if local.fold else 'first'}"


def _wall_times(crontab: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """What the clock would show at the crontab's times if no clock was ever changed."""
    walls = Crontab(crontab, "UTC").after(after.replace(tzinfo=UTC, fold=0))
    return itertools.takewhile(lambda wall: wall <= until.replace(tzinfo=UTC, fold=0), walls)


def _exists(wall: datetime, zone: ZoneInfo) -> bool:
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=UTC) == wall.replace(
        fold=0
    )


def _offset(moment: datetime) -> str:
    text = moment.strftime("%z")
    return f"{text[:3]}:{text[3:5]}"
