"""What each schedule has to do now, worked out again only when its row has changed or its time has come."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import structlog

from services.scheduler.due import CatchUp, Schedule, due
from services.scheduler.rhythm import ScheduleInvalid
from shared.telemetry.metrics import SCHEDULE_LAST_SUCCESS, SCHEDULE_NEXT_DUE

_log = structlog.get_logger()


class Agenda:
    """Remembers when each schedule is due next: to compute that for thousands every second costs too much.

    What is remembered follows from the row and holds until the next nominal time, unless the clock goes back.
    """

    def __init__(self, catch_up: CatchUp) -> None:
        self._catch_up = catch_up
        # a name without a row has to be worked out again
        self._known: dict[str, tuple[Schedule | None, datetime | None]] = {}

    def due(
        self, schedules: Sequence[Schedule], now: datetime
    ) -> Iterator[tuple[Schedule, tuple[datetime, ...]]]:
        """Yield the schedules that have something to fire, with the nominal times."""
        self._strike({schedule.name for schedule in schedules})
        for schedule in schedules:
            known, next_at = self._known.get(schedule.name, (None, None))
            if known == schedule and (next_at is None or now < next_at):
                continue
            if nominal_times := self._look(schedule, now):
                yield schedule, nominal_times

    def forget(self) -> None:
        """Work everything out again: the clock went back."""
        self._known = dict.fromkeys(self._known, (None, None))

    def complain(self, schedule: Schedule, error: ScheduleInvalid) -> None:
        """Tell why a schedule cannot fire, and leave it alone until its row changes."""
        self._note(schedule, None)
        _log.error("cannot fire", action="schedule-invalid", schedule=schedule.name, reason=str(error))

    def _look(self, schedule: Schedule, now: datetime) -> tuple[datetime, ...]:
        try:
            what = due(schedule, now, self._catch_up)
        except ScheduleInvalid as error:
            self.complain(schedule, error)
            return ()
        self._note(schedule, what.next_at)
        if what.nominal_times:
            # firing them changes the row; if that fails, the next round has to try again
            self._known[schedule.name] = (None, None)
        return what.nominal_times

    def _note(self, schedule: Schedule, next_at: datetime | None) -> None:
        self._known[schedule.name] = (schedule, next_at)
        if next_at:
            SCHEDULE_NEXT_DUE.labels(schedule.name).set(next_at.timestamp())
        else:
            SCHEDULE_NEXT_DUE.remove(schedule.name)

    def _strike(self, enabled: set[str]) -> None:
        """Take out the schedules that were disabled, deleted or renamed, so that no alert waits for them."""
        for name in self._known.keys() - enabled:
            del self._known[name]
            SCHEDULE_NEXT_DUE.remove(name)
            SCHEDULE_LAST_SUCCESS.remove(name)
