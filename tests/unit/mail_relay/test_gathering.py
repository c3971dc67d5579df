import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mail_relay.gathering import Gatherer


class Outage(Exception):
    """Trouble that concerns every request."""


Request = tuple[str, int]


def gatherer(execute: Callable[[Sequence[Request]], Sequence[Any]], **options: Any) -> Gatherer[Request, Any]:
    return Gatherer(execute, lambda request: request[0], shared_trouble=Outage, **options)


class Slow:
    """Doubles numbers; the first group waits until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[tuple[str, int]]] = []
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, requests: Sequence[tuple[str, int]]) -> list[int]:
        self.groups.append(list(requests))
        self.begun.set()
        assert self.go_on.wait(10)
        return [number * 2 for _, number in requests]


def wait_for_waiting(gathering: Gatherer[Request, Any], number: int) -> None:
    """Until so many requests wait; each of them has to pass the lock first."""
    pause = threading.Event()
    for _ in range(1000):
        if len(gathering._waiting) == number:
            return
        pause.wait(0.01)
    raise AssertionError(f"{len(gathering._waiting)} wait, {number} expected")


def test_requests_that_come_while_a_group_is_under_way_go_together_afterwards() -> None:
    slow = Slow()
    gathering = gatherer(slow)
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(gathering.ask, ("a", 1))
        assert slow.begun.wait(10)
        others = [
            threads.submit(gathering.ask, (name, number)) for name, number in (("b", 2), ("c", 3), ("d", 4))
        ]
        wait_for_waiting(gathering, 3)
        slow.go_on.set()
        assert first.result(10) == 2
        assert [other.result(10) for other in others] == [4, 6, 8]
    assert [len(group) for group in slow.groups] == [1, 3]


def test_two_requests_of_the_same_key_never_share_a_group() -> None:
    slow = Slow()
    gathering = gatherer(slow)
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(gathering.ask, ("a", 1))]
        assert slow.begun.wait(10)
        asked += [threads.submit(gathering.ask, ("b", number)) for number in (2, 3)]
        wait_for_waiting(gathering, 2)
        slow.go_on.set()
        assert sorted(each.result(10) for each in asked) == [2, 4, 6]
    assert [len(group) for group in slow.groups] == [1, 1, 1]


def test_a_group_has_a_limit() -> None:
    slow = Slow()
    gathering = gatherer(slow, most=2)
    with ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(gathering.ask, ("a", 0))]
        assert slow.begun.wait(10)
        asked += [threads.submit(gathering.ask, (str(number), number)) for number in range(5)]
        wait_for_waiting(gathering, 5)
        slow.go_on.set()
        assert sum(each.result(10) for each in asked) == 20
    assert [len(group) for group in slow.groups] == [1, 2, 2, 1]


def test_a_request_that_cannot_be_executed_hurts_only_itself() -> None:
    slow = Slow()

    def execute(requests: Sequence[Request]) -> list[int]:
        answers = slow(requests)
        if any(name == "bad" for name, _ in requests):
            raise ValueError("bad")
        return answers

    gathering = gatherer(execute)
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(gathering.ask, ("a", 1))
        assert slow.begun.wait(10)
        bad = threads.submit(gathering.ask, ("bad", 2))
        good = threads.submit(gathering.ask, ("good", 3))
        wait_for_waiting(gathering, 2)
        slow.go_on.set()
        assert (first.result(10), good.result(10)) == (2, 6)
        with pytest.raises(ValueError, match="bad"):
            bad.result(10)
    assert gathering.ask(("next", 4)) == 8, "somebody leads again"


def test_trouble_that_concerns_everybody_is_told_to_everybody_at_once() -> None:
    slow = Slow()

    def execute(requests: Sequence[Request]) -> list[int]:
        slow(requests)
        raise Outage

    gathering = gatherer(execute)
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(gathering.ask, ("a", 1))]
        assert slow.begun.wait(10)
        asked += [threads.submit(gathering.ask, (name, 2)) for name in "bc"]
        wait_for_waiting(gathering, 2)
        slow.go_on.set()
        for each in asked:
            with pytest.raises(Outage):
                each.result(10)
    assert [len(group) for group in slow.groups] == [1, 2], "nobody was asked for again"


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers()), max_size=60), st.integers(1, 5))
def test_everybody_gets_their_own_answer_whatever_comes_together(
    requests: list[tuple[str, int]], most: int
) -> None:
    under_way = threading.Lock()

    def execute(group: Sequence[Request]) -> Sequence[Request]:
        assert under_way.acquire(blocking=False), "one group at a time"
        try:
            names = [name for name, _ in group]
            assert len(set(names)) == len(names) <= most
            if any(number % 7 == 3 for _, number in group):
                raise ValueError
            return [(name, number) for name, number in group]
        finally:
            under_way.release()

    gathering = gatherer(execute, most=most)

    def ask(request: tuple[str, int]) -> object:
        try:
            return gathering.ask(request)
        except ValueError:
            return "refused"

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, requests))
    assert answers == ["refused" if number % 7 == 3 else (name, number) for name, number in requests]
