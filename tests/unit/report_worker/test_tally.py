import io
import random

import pytest

from services.report_worker.chart import describe_chart, draw_chart
from services.report_worker.report import Column, Tallying
from services.report_worker.tally import Tally, tally_rows
from tests.unit.report_worker.samples import WINDOW

COLUMNS = (Column("site", "Site"), Column("status", "Status", "status"), Column("at", "At", "time"))
CSV = (
    b"\xef\xbb\xbfSite,Status,At\r\n"
    b'"a,\r\nb",FAIL,2026-11-20T12:59:59.000000+00:00\r\n'
    b"LGH,PASS,2026-11-20T12:00:00.000000+00:00\r\n"
    b"LGH,FAIL,2026-11-20T13:00:00.000000+00:00\r\n"
    b"LGH,FAIL,2026-11-20T13:00:00.000000+00:00\r\n"
)
TALLYING = Tallying("status", "site", "at")


def test_failures_are_counted_by_entity_the_most_frequent_first_and_events_by_hour() -> None:
    file = io.BytesIO(CSV)
    tally = tally_rows(file, COLUMNS, TALLYING)
    assert tally == Tally({"LGH": 2, "a,\r\nb": 1}, {"2026-11-20T12": (1, 1), "2026-11-20T13": (0, 2)})
    assert list(tally.failures) == ["LGH", "a,\r\nb"]
    assert file.read() == CSV


def test_a_subscription_that_leaves_a_column_out_leaves_the_counts_out() -> None:
    assert tally_rows(io.BytesIO(CSV), COLUMNS[:2], TALLYING) is None
    assert tally_rows(io.BytesIO(CSV), COLUMNS[:2], Tallying("status", "site")) is not None


def test_without_rows_there_is_nothing_to_count_or_to_draw() -> None:
    tally = tally_rows(io.BytesIO(b"Site,Status,At\r\n"), COLUMNS, TALLYING)
    assert tally == Tally({}, {})
    assert draw_chart(tally, WINDOW) is None


def test_a_chart_is_a_small_png_the_same_for_the_same_counts() -> None:
    pytest.importorskip("matplotlib")
    source = random.Random(1)  # noqa: S311  # heights of bars, not secret
    hours = {f"2026-11-20T{hour}": (source.randrange(200), source.randrange(9)) for hour in range(11, 24)}
    tally = Tally({}, hours)
    first, second = draw_chart(tally, WINDOW), draw_chart(tally, WINDOW)
    assert first == second
    assert first is not None
    assert first.startswith(b"\x89PNG")
    assert len(first) < 40_000


def test_a_chart_has_words_for_those_who_do_not_see_it() -> None:
    tally = Tally({}, {"2026-11-20T12": (10, 1), "2026-11-20T13": (9, 3)})
    assert describe_chart(tally) == (
        "Events by hour: 19 passed, 4 failed; most failures in the hour beginning 2026-11-20T13:00 UTC"
    )
