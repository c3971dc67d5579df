"""Bounces are held back while mail-out is full, and only then."""

import pytest
from structlog.testing import capture_logs

from services.ndr_worker.high_water import HighWaterMark


@pytest.mark.parametrize(("waiting", "exceeded"), [(0, False), (10, False), (11, True), (None, True)])
def test_bounces_are_held_back_above_the_mark_and_while_nobody_knows(
    *, waiting: int | None, exceeded: bool
) -> None:
    assert HighWaterMark(lambda: waiting, 10).exceeded() == exceeded


def test_without_a_mark_nobody_looks_and_nothing_is_held_back() -> None:
    assert not HighWaterMark(lambda: 1 // 0, 0).exceeded()
    assert not HighWaterMark.none().exceeded()


def test_the_log_tells_when_holding_back_begins_and_ends_and_not_in_between() -> None:
    depths = iter([5, 11, 12, None, 3, 2])
    mark = HighWaterMark(lambda: next(depths), 10)
    with capture_logs() as lines:
        assert [mark.exceeded() for _ in range(6)] == [False, True, True, True, False, False]
    assert [line["action"] for line in lines] == ["claims-paused", "claims-resumed"]
