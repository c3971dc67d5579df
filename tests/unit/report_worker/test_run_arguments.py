from datetime import timedelta
from typing import Any

import pytest

from services.report_worker.preferences import Preferences
from services.report_worker.run_arguments import ArgumentsMalformed, run_interval, validate_arguments


def test_a_schedule_may_have_an_interval_of_its_own() -> None:
    assert run_interval({"interval": "6h"}, Preferences()) == timedelta(hours=6)
    assert run_interval({}, Preferences(report_interval=timedelta(days=1))) == timedelta(days=1)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ({"interval": "soon"}, "interval is 'soon', not a time span"),
        ({"interval": "0h"}, "not above zero"),
        ({"interval": None}, "not a time span"),
        ({"interval": True}, "not a time span"),
        ({"intervall": "6h"}, "'intervall'"),
    ],
)
def test_malformed_args_are_refused_by_name(args: dict[str, Any], reason: str) -> None:
    with pytest.raises(ArgumentsMalformed, match=reason):
        validate_arguments(args)
