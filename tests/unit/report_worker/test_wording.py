from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.report_worker.phrases import count_text
from services.report_worker.preferences import Preferences
from services.report_worker.report import Report
from services.report_worker.subscription import Subscription
from services.report_worker.window import Window
from services.report_worker.wording import Wording, word_report
from tests.unit.report_worker.samples import EVENTS, FAILED_EVENTS, NOMINAL_AT, SERVERS, SUBSCRIPTION, WINDOW


def words(
    report: Report,
    row_count: int,
    entity: str | None = None,
    subscription: Subscription = SUBSCRIPTION,
    window: Window = WINDOW,
    *,
    silent: bool = False,
) -> Wording:
    return word_report(
        report,
        subscription,
        Preferences(),
        entity=entity,
        window=window,
        zone=ZoneInfo("America/Vancouver"),
        row_count=row_count,
        silent=silent,
    )


def test_a_subject_says_level_report_entity_and_window() -> None:
    assert (
        words(EVENTS, 3, "LGH").subject
        == "INFO Exchange send receive events for site LGH over the last 12 hours"
    )
    assert (
        words(SERVERS, 1).subject
        == "INFO Exchange servers that have not serviced any send requests over the last 12 hours"
    )


def test_a_window_below_an_hour_is_not_rounded_away() -> None:
    window = Window(NOMINAL_AT, timedelta(minutes=45))
    assert words(SERVERS, 1, window=window).subject.endswith("over the last 45 minutes")


def test_a_report_without_a_window_names_none() -> None:
    wording = words(replace(SERVERS, window=False), 2)
    assert wording.subject == "INFO Exchange servers that have not serviced any send requests"
    assert wording.summary == "2 rows, as of 2026-11-20 15:45:00 PST"


def test_failures_are_errors_and_their_absence_is_good_news() -> None:
    assert words(FAILED_EVENTS, 1, "LGH").level == "ERROR"
    nothing = words(FAILED_EVENTS, 0, "LGH")
    assert (
        nothing.subject == "INFO No Exchange failed send receive events for site LGH over the last 12 hours"
    )
    assert nothing.tone == "good"
    assert "investigate" not in nothing.subject + nothing.explanation


def test_a_site_without_any_events_is_to_be_investigated() -> None:
    nothing = words(EVENTS, 0, "LGH")
    assert nothing.subject.endswith("for site LGH over the last 12 hours: please investigate")
    assert nothing.tone == "alarm"
    assert nothing.summary.startswith("No rows, from 2026-11-20 03:45:00 PST to")


@pytest.mark.parametrize("row_count", [0, 3])
def test_silence_of_all_bots_is_alarming_and_says_nothing_of_exchange(row_count: int) -> None:
    wording = words(FAILED_EVENTS, row_count, "LGH", silent=True)
    assert wording.tone == "alarm"
    assert wording.subject.endswith(": please investigate") == (row_count == 0)
    assert "says nothing about Exchange" in wording.warning


def test_a_subscription_rewords_and_tags() -> None:
    subscription = replace(
        SUBSCRIPTION,
        tags="SOC, ,Exchange",
        email_subject="Quiet servers over the last",
        alternate_email_subject="All is well",
    )
    assert words(SERVERS, 1, subscription=subscription).subject == (
        "[SOC][Exchange] INFO Quiet servers over the last 12 hours"
    )
    assert words(SERVERS, 0, subscription=subscription).headline == "All is well over the last 12 hours"


@given(st.text(), st.text(), st.text())
def test_no_entity_tag_or_rewording_breaks_the_subject_line(
    entity: str | None, tags: str, email_subject: str
) -> None:
    subscription = replace(SUBSCRIPTION, tags=tags, email_subject=email_subject)
    subject = words(EVENTS, 1, entity, subscription).subject
    assert len(subject.splitlines()) == 1
    assert len(subject) < 500


@pytest.mark.parametrize(("count", "text"), [(0, "no rows"), (1, "1 row"), (1200, "1,200 rows")])
def test_counts_are_worded(count: int, text: str) -> None:
    assert count_text(count, "row") == text
