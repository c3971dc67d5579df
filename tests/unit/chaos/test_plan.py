"""A seed names a plan of faults, and a plan has its share of each."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.plan import IN_TEN_MINUTES, Kind, counted, minimum, plan
from tests.chaos.replicas import REPLICAS
from tests.chaos.summary import FAULTS

SEEDS = st.integers(0, 2**31)


@given(SEEDS)
def test_the_same_seed_gives_the_same_plan(seed: int) -> None:
    assert plan(seed, 60, REPLICAS) == plan(seed, 60, REPLICAS)


def test_another_seed_gives_another_plan() -> None:
    assert plan(1, 60, REPLICAS) != plan(2, 60, REPLICAS)


@given(SEEDS, st.floats(10, 1200))
def test_every_fault_has_its_time_within_the_run_and_they_are_in_order(seed: int, seconds: float) -> None:
    times = [fault.at for fault in plan(seed, seconds, REPLICAS)]
    assert times == sorted(times)
    assert all(0 <= time <= seconds for time in times)


@given(SEEDS)
def test_ten_minutes_see_at_least_what_they_must(seed: int) -> None:
    number = counted(plan(seed, 600, REPLICAS))
    assert number == IN_TEN_MINUTES
    assert all(number[kind] >= least for kind, least in FAULTS.items())


@given(SEEDS, st.floats(10, 1200))
def test_a_run_of_any_length_sees_its_share_and_at_least_one_of_each(seed: int, seconds: float) -> None:
    number = counted(plan(seed, seconds, REPLICAS))
    assert set(number) == set(Kind)
    assert all(number[kind] >= minimum(least, seconds) for kind, least in FAULTS.items())


@given(SEEDS)
def test_every_way_of_every_fault_is_taken_in_ten_minutes(seed: int) -> None:
    ways = {(fault.kind, fault.how) for fault in plan(seed, 600, REPLICAS)}
    assert len(ways) == 13


@given(SEEDS)
def test_every_service_is_killed_in_ten_minutes(seed: int) -> None:
    killed = {fault.target for fault in plan(seed, 600, REPLICAS) if fault.kind is Kind.KILL}
    assert killed == set(REPLICAS)


@given(SEEDS)
def test_restarts_of_a_server_never_crowd(seed: int) -> None:
    for kind in (Kind.RESTART_BROKER, Kind.RESTART_DATABASE):
        times = [fault.at for fault in plan(seed, 600, REPLICAS) if fault.kind is kind]
        stretch = 600 * 0.92 / len(times)
        assert all(later - earlier < 2 * stretch for earlier, later in itertools.pairwise(times))


@pytest.mark.parametrize(("seconds", "least"), [(600, 200), (60, 20), (1200, 400), (1, 1)])
def test_a_minimum_scales_with_the_length_of_the_run(seconds: float, least: int) -> None:
    assert minimum(200, seconds) == least
