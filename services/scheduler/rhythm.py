"""When a schedule is due: nominal times of crontabs and intervals, as pure functions of time.

Crontabs follow Debian cron across daylight-saving changes (cronsim): a fixed wall time fires once on both
change days, a wildcard goes by elapsed time.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from shared.errors import MailroomError

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


class ScheduleInvalid(MailroomError):
    """A schedule's crontab, zone or arguments cannot be read; correct the named one."""


@dataclass(frozen=True, slots=True)
class Crontab:
    """Five cron fields, or an alias such as @daily, read in a time zone."""

    expression: str
    time_zone: str

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the nominal times after `moment`, in UTC, in order.

        Raises:
            ScheduleInvalid: the expression or the zone cannot be read.
        """
        try:
            zone = ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ScheduleInvalid(
                f"{self.time_zone!r} is no time zone; write one such as Europe/Paris"
            ) from error
        times = self._read(moment.astimezone(zone))
        # In the repeated hour cronsim takes the moment for the first of its two, and begins before it.
        return itertools.dropwhile(lambda time: time <= moment, (time.astimezone(UTC) for time in times))

    def in_words(self) -> str:
        """Say in English when it fires.

        Raises:
            ScheduleInvalid: the expression cannot be read.
        """
        return self._read(datetime.now(UTC)).explain()

    def _read(self, moment: datetime) -> CronSim:
        fields = _ALIASES.get(self.expression.strip().lower(), self.expression)
        try:
            return CronSim(fields, moment)
        except CronSimError as error:
            raise ScheduleInvalid(
                f"{self.expression!r} is no crontab ({error}); write five fields"
            ) from error


@dataclass(frozen=True, slots=True)
class Interval:
    """Whole multiples of a period before and after an anchor; elapsed time, so no zone matters."""

    every: timedelta
    anchor: datetime

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the nominal times after `moment`, in order."""
        nominal = self.anchor + ((moment - self.anchor) // self.every + 1) * self.every
        while True:
            yield nominal
            nominal += self.every


Rhythm = Crontab | Interval
