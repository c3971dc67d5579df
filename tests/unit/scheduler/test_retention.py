"""What is old, and from which moment that is counted."""

from datetime import UTC, datetime, timedelta

import pytest

from services.scheduler.retention import Cutoffs, Expiry, cutoffs, next_horizon, old_months
from shared.settings import SettingsInvalid, load_settings

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def decide(expiry: Expiry | None = Expiry(), **variables: str) -> Cutoffs:  # noqa: B008 - frozen
    settings = load_settings(None, {f"MAILROOM_{name}": value for name, value in variables.items()})
    return cutoffs(NOW, settings, expiry)


def test_each_table_has_the_age_of_its_setting() -> None:
    old = decide(RETENTION__AUDIT="10d", RETENTION__RUNS="20d", RETENTION__FIRINGS="30d")
    assert old.rows["bounce_audit"] == NOW - 10 * DAY
    assert old.rows["report_run"] == NOW - 20 * DAY
    assert old.rows["firing"] == NOW - 30 * DAY


def test_a_table_of_age_0_keeps_everything() -> None:
    assert "bounce_audit" not in decide(RETENTION__AUDIT="0").rows
    assert "mail_delivery" not in decide(RETENTION__DELIVERIES="0").rows
    assert decide(RETENTION__EVENTS="0").events is None


def test_an_age_of_less_than_a_day_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match=r"retention\.audit.*at least 1d"):
        decide(RETENTION__AUDIT="5m")


def test_an_age_longer_than_the_calendar_keeps_what_it_is_asked_to_keep() -> None:
    old = decide(Expiry(after=timedelta.max), RETENTION__AUDIT="999999999d")
    assert old.rows["bounce_audit"] == old.expired == old.events == datetime(1970, 1, 1, tzinfo=UTC)


def test_old_rows_are_looked_for_once_a_day_at_least() -> None:
    with pytest.raises(SettingsInvalid, match=r"retention\.interval"):
        decide(RETENTION__INTERVAL="25h")


def test_a_delivery_is_remembered_for_as_long_as_its_mail_may_come_again() -> None:
    old = decide(
        RETENTION__DELIVERIES="1d", RETENTION__BODIES="1d", REPORTS__LIFETIME="7d", NDR__LIFETIME="3d"
    )
    assert old.rows["mail_delivery"] == old.rows["mail_body"] == NOW - 7 * DAY


def test_a_firing_is_remembered_for_as_long_as_it_could_be_caught_up() -> None:
    assert decide(RETENTION__FIRINGS="1d", SCHEDULER__CATCH_UP_AGE="5d").rows["firing"] == NOW - 5 * DAY


def test_events_expire_by_the_preference_and_go_when_they_are_old_as_well() -> None:
    old = decide(Expiry(after=36 * HOUR), RETENTION__EVENTS="10d")
    assert (old.expired, old.events) == (NOW - 36 * HOUR, NOW - 10 * DAY)


def test_events_that_have_not_expired_never_go() -> None:
    assert decide(Expiry(after=60 * DAY), RETENTION__EVENTS="10d").events == NOW - 60 * DAY


def test_expired_events_stay_when_the_preference_says_so() -> None:
    old = decide(Expiry(delete=False))
    assert (old.expired, old.events) == (NOW - 36 * HOUR, None)


@pytest.mark.parametrize("expiry", [None, Expiry(after=timedelta(0))])
def test_events_that_never_expire_or_whose_age_cannot_be_read_are_left_alone(expiry: Expiry | None) -> None:
    old = decide(expiry)
    assert (old.expired, old.events) == (None, None)
    assert "bounce_audit" in old.rows


def test_preferences_without_a_row_have_their_defaults_and_malformed_ones_are_refused() -> None:
    assert Expiry.read({}) == Expiry(36 * HOUR, delete=True)
    assert Expiry.read({"expire_events": "2d", "delete_expired": "no"}) == Expiry(2 * DAY, delete=False)
    with pytest.raises(ValueError, match="time span"):
        Expiry.read({"expire_events": "soon"})


def test_ages_count_from_now_as_a_rule() -> None:
    assert next_horizon(NOW, None, HOUR) == NOW
    assert next_horizon(NOW, NOW - HOUR, HOUR) == NOW


def test_a_clock_that_leaps_a_year_ahead_makes_nothing_old_but_two_intervals() -> None:
    assert next_horizon(NOW + 365 * DAY, NOW, HOUR) == NOW + 2 * HOUR


def test_a_clock_that_goes_back_takes_the_horizon_with_it() -> None:
    assert next_horizon(NOW - DAY, NOW, HOUR) == NOW - DAY


def test_after_a_day_without_a_round_the_horizon_catches_up_within_another() -> None:
    horizon, now, rounds = NOW - DAY, NOW, 0
    while horizon < now:
        now, rounds = now + HOUR, rounds + 1
        horizon = next_horizon(now, horizon, HOUR)
    assert rounds == 24


def test_a_month_is_old_when_its_last_moment_is() -> None:
    months = [datetime(2026, 1, 1, tzinfo=UTC), datetime(2025, 12, 1, tzinfo=UTC)]
    assert old_months(months, datetime(2026, 1, 1, tzinfo=UTC)) == months[1:]
    assert old_months(months, datetime(2026, 1, 31, tzinfo=UTC)) == months[1:]
    assert old_months(months, datetime(2026, 2, 1, tzinfo=UTC)) == [months[1], months[0]]
