"""Debian cron's rules for changes of the clocks, minute by minute: what the scheduler's crontabs are held to.

Written from cron(8), not from any library: jobs with a `*` in minutes or hours go by the clock on the wall;
others, which name a time, run at once when the clock passes over that time, and once when it shows it twice.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_MINUTE = timedelta(minutes=1)


def firings(crontab: str, zone: str, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield when a crontab `MINUTES HOURS * * *` runs, from `start` on and before `end`, in UTC.

    Both have to be on a full minute.
    """
    minutes, hours, *_ = crontab.split()
    wanted = {(hour, minute) for hour in _numbers(hours, 24) for minute in _numbers(minutes, 60)}
    by_the_wall = "*" in (minutes[0], hours[0])
    moment = start
    latest = max(_wall(moment - back * _MINUTE, zone) for back in range(1, 181))
    while moment < end:
        wall = _wall(moment, zone)
        if by_the_wall:
            shown = [wall]
        else:
            # what it shows for the first time: nothing in a repeated hour, all of a skipped hour after that
            shown = [latest + step * _MINUTE for step in range(1, (wall - latest) // _MINUTE + 1)]
        if any((each.hour, each.minute) in wanted for each in shown):
            yield moment
        latest, moment = max(latest, wall), moment + _MINUTE


def _wall(moment: datetime, zone: str) -> datetime:
    """What a clock on the wall shows, without any idea of time zones."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _numbers(field: str, end: int) -> set[int]:
    span, _, step = field.partition("/")
    if span == "*":
        return set(range(0, end, int(step or 1)))
    return {int(number) for number in span.split(",")}
