"""Which nominal times fire now."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.scheduler.commands import report_runs
from services.scheduler.due import CatchUp, Schedule, due
from services.scheduler.rhythm import ScheduleInvalid
from tests.unit.scheduler.schedules import HOURLY, START

BOUNDS = CatchUp(limit=3, age=timedelta(days=1))


def hours(schedule: Schedule, after: timedelta) -> list[int]:
    """The nominal times that fire `after` the start, in hours since it."""
    return [
        (time - START) // timedelta(hours=1) for time in due(schedule, START + after, BOUNDS).nominal_times
    ]


def test_nothing_fires_before_its_time_and_the_next_time_is_told() -> None:
    what = due(HOURLY, START + timedelta(minutes=59), BOUNDS)
    assert what.nominal_times == ()
    assert what.next_at == START + timedelta(hours=1)


def test_a_time_fires_once_it_has_come_and_not_again() -> None:
    assert hours(HOURLY, timedelta(hours=1, seconds=1)) == [1]
    fired = replace(HOURLY, last_nominal_at=START + timedelta(hours=1))
    assert hours(fired, timedelta(hours=1, seconds=1)) == []


def test_the_latest_missed_time_is_caught_up() -> None:
    assert hours(HOURLY, timedelta(hours=5, minutes=30)) == [5]


def test_all_missed_times_are_caught_up_within_the_bound() -> None:
    assert hours(replace(HOURLY, catch_up="all"), timedelta(hours=2, minutes=30)) == [1, 2]
    assert hours(replace(HOURLY, catch_up="all"), timedelta(hours=9)) == [7, 8, 9]


def test_missed_times_are_skipped_when_so_wanted_but_the_present_one_fires() -> None:
    skipping = replace(HOURLY, catch_up="skip")
    assert hours(skipping, timedelta(hours=5, minutes=30)) == []
    assert hours(skipping, timedelta(hours=5, seconds=2)) == [5]


def test_what_is_too_old_is_never_caught_up() -> None:
    yearly = replace(HOURLY, crontab="0 3 1 6 *")
    assert hours(yearly, timedelta(days=2)) == []
    assert hours(yearly, timedelta(hours=20)) == [3]


def test_enabling_again_does_not_fire_at_once() -> None:
    again = replace(HOURLY, enabled_at=START + timedelta(hours=5, minutes=10))
    assert hours(again, timedelta(hours=5, minutes=30)) == []
    assert hours(again, timedelta(hours=6)) == [6]


def test_nothing_fires_before_the_start_or_after_the_expiry() -> None:
    bounded = replace(
        HOURLY,
        catch_up="all",
        starts_at=START + timedelta(hours=2),
        expires_after=START + timedelta(hours=3),
    )
    assert hours(bounded, timedelta(hours=9)) == [2, 3]
    assert due(bounded, START + timedelta(hours=9), BOUNDS).next_at is None


def test_an_interval_fires_at_its_start() -> None:
    interval = replace(HOURLY, crontab=None, every=timedelta(hours=4), starts_at=START, enabled_at=START)
    assert hours(interval, timedelta(seconds=1)) == [0]
    assert hours(replace(interval, last_nominal_at=START), timedelta(hours=4)) == [4]


def test_a_one_off_fires_once_however_long_it_was_missed() -> None:
    once = replace(HOURLY, one_off=True, catch_up="all")
    assert hours(once, timedelta(hours=3)) == [3]


def test_a_firing_gives_each_report_a_run_id_that_never_changes() -> None:
    first = report_runs(HOURLY, START)
    assert [run.report for run in first] == ["a", "b"]
    assert first == report_runs(HOURLY, START)
    assert {run.run_id for run in first}.isdisjoint(
        run.run_id for run in report_runs(HOURLY, START + timedelta(hours=1))
    )


@pytest.mark.parametrize("args", [{}, {"reports": []}, {"reports": "a"}, {"reports": [1]}])
def test_args_without_reports_are_told(args: dict[str, object]) -> None:
    with pytest.raises(ScheduleInvalid, match='"reports"'):
        report_runs(replace(HOURLY, args=args), START)
