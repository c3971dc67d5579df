"""The charts of the overview, before they are drawn."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.console.web.overview.charts import HEIGHT, Chart, lay_out
from services.console.web.overview.hours import HOURS, last_hours

BEGIN = datetime(2026, 11, 21, tzinfo=UTC)
TONES = {"sent": "good", "failed": "bad"}


def chart(*counts: tuple[int, str, int]) -> Chart:
    hours = [BEGIN + timedelta(hours=number) for number in range(3)]
    return lay_out("runs", "Report runs", TONES, hours, {(hour, name): n for hour, name, n in counts})


def test_the_highest_bar_fills_the_chart_and_outcomes_stand_on_each_other() -> None:
    first, _, last = chart((0, "sent", 3), (0, "failed", 1), (2, "sent", 1)).bars
    assert [(part.tone, part.y, part.height) for part in first.segments] == [("good", 25, 75), ("bad", 0, 25)]
    assert [(part.y, part.height) for part in last.segments] == [(75, 25)]


def test_a_single_one_among_thousands_is_seen() -> None:
    bar = chart((0, "sent", 5000), (1, "failed", 1)).bars[1]
    assert [(part.y, part.height) for part in bar.segments] == [(HEIGHT - 1, 1)]


def test_a_chart_says_in_words_what_it_shows() -> None:
    assert chart((0, "sent", 3), (1, "failed", 1)).summary == (
        "Report runs of the last 3 hours: 3 sent, 1 failed"
    )
    assert chart().summary == "Report runs of the last 3 hours: none"
    assert chart().top == 1


def test_the_hours_are_the_full_ones_of_the_zone_and_the_present_one_is_the_last() -> None:
    now = datetime(2026, 11, 21, 12, 50, 3, tzinfo=UTC)
    hours = last_hours(now, ZoneInfo("Asia/Kolkata"))
    assert len(hours) == HOURS
    assert hours[-1].isoformat() == "2026-11-21T18:00:00+05:30"


def test_each_hour_of_a_day_whose_clock_goes_back_is_there_once() -> None:
    now = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)  # 01:30 came twice in Vancouver, at 08:30 and at 09:30 UTC
    hours = last_hours(now, ZoneInfo("America/Vancouver"))
    assert hours[-1].astimezone(UTC) == datetime(2026, 11, 1, 9, tzinfo=UTC)
    assert [f"{hour:%H:%M %z}" for hour in hours[-2:]] == ["01:00 -0700", "01:00 -0800"]
