"""Nominal times of crontabs and intervals, daylight-saving changes included."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from services.scheduler.rhythm import Crontab, Interval, ScheduleInvalid
from tests.doubles import debian_cron

PARIS = ZoneInfo("Europe/Paris")


def local(crontab: Crontab, start: datetime, count: int) -> list[str]:
    zone = ZoneInfo(crontab.time_zone)
    return [
        f"{time.astimezone(zone):%m-%d %H:%M%z}" for time in itertools.islice(crontab.after(start), count)
    ]


def test_a_crontab_is_read_in_its_zone() -> None:
    crontab = Crontab("45 7,15,23 * * *", "America/Vancouver")
    start = datetime(2026, 11, 21, tzinfo=UTC)
    assert local(crontab, start, 3) == ["11-20 23:45-0800", "11-21 07:45-0800", "11-21 15:45-0800"]


def test_a_fixed_time_that_comes_twice_fires_once() -> None:
    start = datetime(2026, 10, 24, 12, tzinfo=PARIS)
    assert local(Crontab("30 2 * * *", "Europe/Paris"), start, 2) == ["10-25 02:30+0200", "10-26 02:30+0100"]


def test_a_fixed_time_that_is_skipped_fires_once() -> None:
    start = datetime(2026, 3, 28, 12, tzinfo=PARIS)
    assert local(Crontab("30 2 * * *", "Europe/Paris"), start, 2) == ["03-29 03:00+0200", "03-30 02:30+0200"]


def test_a_wildcard_goes_by_elapsed_time_through_the_repeated_hour() -> None:
    start = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)
    times = list(itertools.islice(Crontab("*/30 * * * *", "Europe/Paris").after(start), 4))
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {timedelta(minutes=30)}


@pytest.mark.parametrize("minute", [10, 50])
def test_a_fixed_time_does_not_come_again_in_the_repeated_hour(minute: int) -> None:
    asked = datetime(2026, 10, 25, 2, 20, tzinfo=PARIS, fold=1)
    (time,) = itertools.islice(Crontab(f"{minute} 2 * * *", "Europe/Paris").after(asked), 1)
    assert time == datetime(2026, 10, 26, 2, minute, tzinfo=PARIS)


def test_an_interval_keeps_its_phase_when_the_clock_is_set_to_before_its_anchor() -> None:
    anchor = datetime(2026, 1, 1, tzinfo=UTC)
    interval = Interval(timedelta(minutes=7), anchor)
    assert next(interval.after(anchor - timedelta(minutes=20))) == anchor - timedelta(minutes=14)


@pytest.mark.parametrize("zone", ["America/Vancouver", "Europe/Paris"])
@pytest.mark.parametrize(
    "crontab",
    [
        "45 7,15,23 * * *",
        "30 2 * * *",
        "0,15,30 1,2,3 * * *",
        "0 3 * * *",
        "59 1 * * *",
        "*/30 * * * *",
        "*/20 2 * * *",
        "10 * * * *",
        "5 */2 * * *",
    ],
)
def test_over_both_changes_of_the_clocks_nominal_times_are_those_of_debian_cron(
    crontab: str, zone: str
) -> None:
    for start, end in (
        ("2026-03-06T00:00Z", "2026-04-01T00:00Z"),
        ("2026-10-23T00:00Z", "2026-11-04T00:00Z"),
    ):
        span = datetime.fromisoformat(start), datetime.fromisoformat(end)
        expected = list(debian_cron.firings(crontab, zone, *span))
        times = Crontab(crontab, zone).after(span[0] - timedelta(seconds=1))
        assert list(itertools.islice(times, len(expected))) == expected
        assert next(times) >= span[1]


def test_aliases_are_known() -> None:
    assert local(Crontab("@daily", "UTC"), datetime(2026, 1, 1, 5, tzinfo=UTC), 1) == ["01-02 00:00+0000"]


@pytest.mark.parametrize("crontab", [Crontab("61 * * * *", "UTC"), Crontab("* * * * *", "Mars/Olympus")])
def test_what_cannot_be_read_is_told_with_the_accepted_form(crontab: Crontab) -> None:
    with pytest.raises(ScheduleInvalid, match="write"):
        next(crontab.after(datetime(2026, 1, 1, tzinfo=UTC)))


def test_an_interval_counts_from_its_anchor() -> None:
    anchor = datetime(2026, 1, 1, tzinfo=UTC)
    interval = Interval(timedelta(minutes=10), anchor)
    minutes = [
        (time - anchor) // timedelta(minutes=1) for time in itertools.islice(interval.after(anchor), 2)
    ]
    assert minutes == [10, 20]
    assert next(interval.after(anchor + timedelta(minutes=25))) == anchor + timedelta(minutes=30)
