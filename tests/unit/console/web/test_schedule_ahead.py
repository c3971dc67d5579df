"""The next firings of a schedule as it is typed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.console.web.schedules.ahead import look_ahead, time_zones
from tests.unit.console.test_schedule_validation import GOOD

NOW = datetime(2026, 10, 23, 12, tzinfo=UTC)


def test_five_firings_are_shown_in_the_zone_and_in_utc_with_what_the_clock_does() -> None:
    ahead = look_ahead(GOOD, NOW)

    assert ahead.words == "At 03:00 every day"
    assert [firing.local_text for firing in ahead.firings][:2] == [
        "Sat 2026-10-24 03:00:00 CEST",
        "Sun 2026-10-25 03:00:00 CET",
    ]
    assert [firing.utc_text[-8:] for firing in ahead.firings] == ["01:00:00"] + ["02:00:00"] * 4
    assert "UTC offset changes" in ahead.firings[1].notes[0]


def test_what_cannot_be_read_has_problems_and_no_firings() -> None:
    ahead = look_ahead(replace(GOOD, crontab=None, time_zone="x"), NOW)

    assert ahead.firings == ()
    assert len(ahead.problems) == 2


def test_a_schedule_that_has_ended_does_not_fire() -> None:
    assert look_ahead(replace(GOOD, expires_after=NOW - timedelta(days=1)), NOW).firings == ()


def test_every_zone_is_offered() -> None:
    assert {"UTC", "America/Vancouver"} <= set(time_zones())
