"""A delay out of the ladder's steps: about as long as asked, in few hops, whatever the clocks say."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.broker import Topology
from shared.worker.waiting import NOT_BEFORE, WAIT_LEFT, first_hop, next_hop

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LADDER = Topology().retry_steps
SMALLEST = min(LADDER)
delays = st.timedeltas(timedelta(0), timedelta(days=5))


def waits(delay: timedelta, skews: list[timedelta]) -> list[timedelta]:
    """The hops of a delay; at each return the host's clock is wrong by the next of `skews`, then right."""
    now = NOON
    hop = first_hop(delay, LADDER, now)
    hops = [hop.step]
    while True:
        now += hop.step
        skew = skews.pop(0) if skews else timedelta(0)
        following = next_hop(hop.headers, LADDER, now + skew)
        if following is None:
            return hops
        hop = following
        hops.append(hop.step)


@given(delays)
def test_the_whole_wait_is_the_delay_give_or_take_half_of_the_smallest_step(delay: timedelta) -> None:
    total = sum(waits(delay, []), timedelta(0))
    assert total >= SMALLEST
    assert delay - SMALLEST / 2 <= total <= max(delay + SMALLEST / 2, SMALLEST)


@given(delays)
def test_a_delay_takes_few_hops(delay: timedelta) -> None:
    longest = max(LADDER)
    assert len(waits(delay, [])) <= delay // longest + 6 + 10 + 6 + 1


@given(delays, st.lists(st.timedeltas(timedelta(days=-400), timedelta(days=400)), max_size=20))
def test_clocks_that_disagree_or_jump_never_make_a_message_wait_longer_than_asked(
    delay: timedelta, skews: list[timedelta]
) -> None:
    hops = waits(delay, skews)
    assert sum(hops, timedelta(0)) <= max(delay + SMALLEST / 2, SMALLEST)
    assert len(hops) <= delay // max(LADDER) + 6 + 10 + 6 + 1


def test_time_spent_behind_others_in_a_queue_counts_as_waited() -> None:
    hop = first_hop(timedelta(hours=2), LADDER, NOON)
    assert next_hop(hop.headers, LADDER, NOON + timedelta(hours=3)) is None


def test_what_waits_says_when_it_is_due_in_words_an_operator_reads() -> None:
    hop = first_hop(timedelta(minutes=75), LADDER, NOON)
    assert hop.step == timedelta(hours=1)
    assert hop.headers == {NOT_BEFORE: "2026-11-21T13:15:00+00:00", WAIT_LEFT: 15 * 60 * 1000}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {NOT_BEFORE: "2999-01-01T00:00:00+00:00"},
        {NOT_BEFORE: "2999-01-01T00:00:00", WAIT_LEFT: 10**9},
        {NOT_BEFORE: 7, WAIT_LEFT: 10**9},
        {NOT_BEFORE: "soon", WAIT_LEFT: 10**9},
        {NOT_BEFORE: "2999-01-01T00:00:00+00:00", WAIT_LEFT: "a while"},
    ],
)
def test_headers_that_say_nothing_usable_make_nothing_wait(headers: dict[str, object]) -> None:
    assert next_hop(headers, LADDER, NOON) is None


@given(st.text() | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat), st.integers() | st.text())
def test_headers_from_anywhere_never_fail(due: str, left: int | str) -> None:
    next_hop({NOT_BEFORE: due, WAIT_LEFT: left}, LADDER, NOON)
