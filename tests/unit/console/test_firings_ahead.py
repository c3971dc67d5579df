from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.console.schedules.firings import FiringAhead, firings_ahead
from services.scheduler.due import Schedule
from services.scheduler.rhythm import ScheduleInvalid

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
SCHEDULE = Schedule(
    name="s",
    task="report.run",
    args={},
    crontab="45 7,15,23 * * *",
    every=None,
    time_zone="America/Vancouver",
    one_off=False,
    starts_at=None,
    expires_after=None,
    catch_up="latest",
    last_nominal_at=None,
    created_at=CREATED,
    enabled_at=CREATED,
)
#: Before the clocks of Vancouver went forward (8 March 2026, 02:00) and back (1 November, 02:00).
SPRING = datetime(2026, 3, 8, 6, tzinfo=UTC)
AUTUMN = datetime(2026, 11, 1, 6, tzinfo=UTC)


def local(firings: list[FiringAhead]) -> list[str]:
    return [f"{firing.local:%d %H:%M %Z}" for firing in firings]


def notes(firings: list[FiringAhead]) -> dict[str, str]:
    return {f"{firing.local:%H:%M %Z}": "; ".join(firing.notes) for firing in firings if firing.notes}


def test_firings_are_told_in_the_schedules_zone_and_in_utc() -> None:
    first, second = firings_ahead(SCHEDULE, datetime(2026, 7, 1, 12, tzinfo=UTC), 2)

    assert first.utc == datetime(2026, 7, 1, 14, 45, tzinfo=UTC)
    assert local([first, second]) == ["01 07:45 PDT", "01 15:45 PDT"]
    assert first.notes == second.notes == ()


def test_the_first_firing_after_a_change_of_the_clocks_has_a_note() -> None:
    firings = firings_ahead(SCHEDULE, AUTUMN, 3)

    assert local(firings) == ["31 23:45 PDT", "01 07:45 PST", "01 15:45 PST"]
    assert notes(firings) == {"07:45 PST": "before it the UTC offset changes from -07:00 to -08:00"}


def test_a_wall_time_that_the_clocks_skip_is_named() -> None:
    firings = firings_ahead(replace(SCHEDULE, crontab="30 2 * * *"), SPRING, 2)

    assert local(firings) == ["08 03:00 PDT", "09 02:30 PDT"]
    assert notes(firings)["03:00 PDT"].endswith("02:30 does not exist on 2026-03-08")


def test_a_wall_time_that_comes_twice_is_named_and_fires_once() -> None:
    firings = firings_ahead(replace(SCHEDULE, crontab="30 1 * * *"), AUTUMN, 2)

    assert local(firings) == ["01 01:30 PDT", "02 01:30 PST"]
    assert notes(firings)["01:30 PDT"] == "01:30 comes twice on this day; this is the first"


def test_an_interval_goes_on_through_a_change_of_the_clocks() -> None:
    every = replace(SCHEDULE, crontab=None, every=timedelta(hours=1), starts_at=SPRING)
    firings = firings_ahead(every, SPRING + timedelta(hours=3, minutes=30), 2)

    assert local(firings) == ["08 03:00 PDT", "08 04:00 PDT"]
    assert notes(firings) == {"03:00 PDT": "before it the UTC offset changes from -08:00 to -07:00"}


def test_a_schedule_that_ends_has_no_firings_after_its_end() -> None:
    ends = replace(SCHEDULE, expires_after=datetime(2026, 7, 1, 15, tzinfo=UTC))

    assert len(firings_ahead(ends, datetime(2026, 7, 1, 12, tzinfo=UTC), 10)) == 1
    assert firings_ahead(ends, datetime(2026, 7, 2, tzinfo=UTC), 10) == []


def test_a_schedule_that_starts_later_fires_from_its_start() -> None:
    start = datetime(2026, 9, 1, tzinfo=UTC)
    (first,) = firings_ahead(replace(SCHEDULE, starts_at=start), datetime(2026, 7, 1, tzinfo=UTC), 1)

    assert first.utc >= start


def test_a_one_off_fires_once() -> None:
    assert len(firings_ahead(replace(SCHEDULE, one_off=True), SPRING, 10)) == 1


def test_a_crontab_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ScheduleInvalid, match="no crontab"):
        firings_ahead(replace(SCHEDULE, crontab="45 7"), SPRING, 1)
