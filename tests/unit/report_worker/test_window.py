from datetime import timedelta

import pytest

from services.report_worker.window import span_text
from tests.unit.report_worker.samples import NOMINAL_AT, WINDOW


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(minutes=45), "45 minutes"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=12), "12 hours"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(days=2), "2 days"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(seconds=90), "90 seconds"),
    ],
)
def test_a_span_is_named_in_the_largest_unit_that_measures_it_exactly(span: timedelta, text: str) -> None:
    assert span_text(span) == text


def test_a_window_ends_at_the_nominal_time() -> None:
    assert (WINDOW.start, WINDOW.end) == (NOMINAL_AT - timedelta(hours=12), NOMINAL_AT)
