from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mail_relay import attempt
from services.mail_relay.attempt import Begun, OpenAttempt
from services.mail_relay.retry_schedule import RetrySchedule

MINUTE = timedelta(minutes=1)
SCHEDULE = RetrySchedule((MINUTE, 5 * MINUTE, 30 * MINUTE), jitter=0.2)
DAY = timedelta(days=1)


def begun(*numbers: int, time_left: timedelta = DAY, **details: Any) -> Begun:
    opened = tuple(OpenAttempt(f"r{place}", number) for place, number in enumerate(numbers))
    return Begun(opened, time_left=time_left, **details)


def deferred(begun: Begun) -> list[attempt.RecipientResult]:
    return [attempt.postponed(opened.recipient, "451 busy") for opened in begun.attempts]


@pytest.mark.parametrize(("number", "minutes"), [(1, 1), (2, 5), (3, 30), (4, 30), (99, 30)])
def test_each_attempt_waits_longer_and_the_last_wait_repeats(number: int, minutes: int) -> None:
    mail = begun(number)
    assert SCHEDULE.wait(mail, deferred(mail), chance=0) == minutes * MINUTE


def test_jitter_makes_a_wait_longer_never_shorter() -> None:
    mail = begun(2)
    assert SCHEDULE.wait(mail, deferred(mail), chance=1) == 6 * MINUTE


def test_the_last_wait_ends_with_the_mails_time_so_that_the_failure_is_told_in_time() -> None:
    mail = begun(3, time_left=7 * MINUTE)
    assert SCHEDULE.wait(mail, deferred(mail), chance=1) == 7 * MINUTE + timedelta(seconds=1)


def test_a_recipient_let_go_after_the_mails_time_is_given_up_at_once() -> None:
    mail = begun(3, time_left=-DAY)
    assert SCHEDULE.wait(mail, deferred(mail), chance=1) == timedelta(0)


def test_nobody_is_late_because_of_another_recipient() -> None:
    mail = begun(3, 1)
    assert SCHEDULE.wait(mail, deferred(mail), chance=0) == MINUTE


def test_what_was_never_offered_comes_back_as_soon_as_the_ladder_allows() -> None:
    mail = begun(3)
    assert SCHEDULE.wait(mail, [attempt.not_offered("r0", "no server")], chance=1) == timedelta(0)


def test_a_limited_recipient_comes_back_at_its_turn() -> None:
    mail = begun(3)
    assert SCHEDULE.wait(mail, [attempt.not_offered("r0", "full", 2 * MINUTE)], chance=1) == 2 * MINUTE


def test_a_mail_elsewhere_comes_back_when_the_other_relays_lease_would_end() -> None:
    mail = begun(elsewhere=1, elsewhere_for=MINUTE)
    assert SCHEDULE.wait(mail, [], chance=1) == MINUTE + timedelta(seconds=1)


@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=5),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=5)),
    st.floats(0, 1),
)
def test_no_wait_is_longer_than_the_schedule_or_past_the_mails_end_by_more_than_a_moment(
    numbers: list[int], time_left: timedelta, chance: float
) -> None:
    mail = begun(*numbers, time_left=time_left)
    wait = SCHEDULE.wait(mail, deferred(mail), chance)
    assert timedelta(0) <= wait <= min(36 * MINUTE, time_left + timedelta(seconds=1))
