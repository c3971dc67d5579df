"""What is wrong with a schedule before it is stored, and what its rhythm is in words: pure functions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Literal

from services.console.reports.listing import find_report
from services.report_worker.catalogue import Catalogue
from services.report_worker.run_arguments import validate_arguments
from services.scheduler.commands import report_runs
from services.scheduler.due import Schedule
from services.scheduler.rhythm import Crontab, ScheduleInvalid
from shared.errors import MailroomError
from shared.settings.values import format_time_span, parse_time_zone

_SHORTEST = timedelta(seconds=1)
#: Any: crontabs are read with it to see whether they can be.
_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)

Field = Literal["crontab", "every", "time_zone", "args", "expires_after"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field, and what to write instead."""

    field: Field
    message: str


def schedule_problems(schedule: Schedule, catalogue: Catalogue) -> list[Problem]:
    """Say everything that is wrong with a schedule; nothing when all is well.

    Args:
        schedule: as it would be stored.
        catalogue: the reports there are.
    """
    return [*rhythm_problems(schedule), *_argument_problems(schedule, catalogue)]


def rhythm_problems(schedule: Schedule) -> list[Problem]:
    """Say why it cannot be told when a schedule fires; nothing when it can."""
    return [*_rhythm(schedule), *_zone(schedule), *_ends(schedule)]


def rhythm_in_words(crontab: str | None, every: timedelta | None) -> str:
    """Say when a schedule fires, as far as words are better than its crontab."""
    if crontab is None:
        return f"Every {format_time_span(every or timedelta())}"
    try:
        return Crontab(crontab, "UTC").in_words()
    except ScheduleInvalid:
        return "Cannot be read"


def _rhythm(schedule: Schedule) -> Iterator[Problem]:
    if schedule.crontab is None and schedule.every is None:
        yield Problem("crontab", "Write a crontab, or an interval below.")
    elif schedule.crontab is not None and schedule.every is not None:
        yield Problem("every", "A schedule has a crontab or an interval; clear one of the two.")
    if schedule.every is not None and schedule.every < _SHORTEST:
        yield Problem("every", "Write an interval of at least 1s.")
    if schedule.crontab is not None:
        try:
            next(islice(Crontab(schedule.crontab, "UTC").after(_SOME_TIME), 1), None)
        except ScheduleInvalid as error:
            yield Problem("crontab", _sentence(error))


def _zone(schedule: Schedule) -> Iterator[Problem]:
    try:
        parse_time_zone(schedule.time_zone)
    except ValueError as error:
        yield Problem("time_zone", f"{schedule.time_zone!r} is {error}.")


def _ends(schedule: Schedule) -> Iterator[Problem]:
    start, end = schedule.starts_at, schedule.expires_after
    if start is not None and end is not None and end <= start:
        yield Problem("expires_after", "It ends before it starts; write a later time.")


def _argument_problems(schedule: Schedule, catalogue: Catalogue) -> Iterator[Problem]:
    if not isinstance(schedule.args, Mapping):
        yield Problem("args", 'Write an object: {"reports": ["no-send-servers"]}.')
        return
    try:
        runs = report_runs(schedule, _SOME_TIME)
    except ScheduleInvalid as error:
        yield Problem("args", _sentence(error))
        return
    reports = [run.report for run in runs]
    for name in sorted({name for name in reports if reports.count(name) > 1}):
        yield Problem("args", f"Report {name!r} is there more than once.")
    for name in dict.fromkeys(reports):
        try:
            find_report(catalogue, name)
        except MailroomError as error:
            yield Problem("args", _sentence(error))
    try:
        validate_arguments({key: value for key, value in schedule.args.items() if key != "reports"})
    except MailroomError as error:
        yield Problem("args", _sentence(error))


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
