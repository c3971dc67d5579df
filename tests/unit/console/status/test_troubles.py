"""What of a status wants attention."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.console.status.status import Poll
from services.console.status.troubles import (
    MAIL_OUT,
    OLDEST_BOUNCE,
    POLL_OVERDUE,
    in_words,
    troubles,
    verdict,
)
from tests.unit.console.status.quiet import NOW, quiet

SECOND = timedelta(seconds=1)


def subjects(**changed: Any) -> list[str]:
    return [trouble.subject for trouble in troubles(quiet(**changed))]


def poll(**changed: Any) -> Poll:
    due = NOW + timedelta(minutes=1)
    return replace(Poll(running=False, next_due_at=due, silent_after=None, outcome="found"), **changed)


def test_where_nothing_is_the_matter_the_verdict_is_ok() -> None:
    assert troubles(quiet()) == ()
    assert verdict(()) == "ok"


@pytest.mark.parametrize(
    ("changed", "subject"),
    [
        ({"reports_enabled": False}, "reports-disabled"),
        ({"malformed_preferences": ("exchange__charts",)}, "malformed-preference"),
        ({"unreadable_schedules": {"s": "no such zone"}}, "unreadable-schedule"),
        ({"quarantined": 1}, "quarantined"),
        ({"in_doubt": 3, "held": 1}, "in-doubt"),
        ({"undelivered_reports": 1}, "undelivered-reports"),
        ({"oldest_scheduled_run_at": NOW - timedelta(hours=1)}, "scheduled-runs"),
    ],
)
def test_each_trouble_is_told_alone(changed: dict[str, Any], subject: str) -> None:
    assert subjects(**changed) == [subject]


def test_a_bounced_entry_that_waits_too_long_wants_attention() -> None:
    assert subjects(oldest_bounce_at=NOW - OLDEST_BOUNCE) == []
    assert subjects(oldest_bounce_at=NOW - OLDEST_BOUNCE - SECOND) == ["bounces-waiting"]


@pytest.mark.parametrize(
    "wrong",
    [
        poll(next_due_at=None),
        poll(next_due_at=NOW - POLL_OVERDUE - SECOND),
        poll(running=True, next_due_at=None, silent_after=NOW - POLL_OVERDUE - SECOND),
        poll(outcome="error"),
        poll(outcome="paused"),
    ],
)
def test_a_chain_of_polls_that_does_not_go_on_wants_attention(wrong: Poll) -> None:
    assert subjects(poll=wrong) == ["poll"]


def test_a_poll_that_runs_or_is_just_due_is_well() -> None:
    assert subjects(poll=poll(running=True, next_due_at=None, silent_after=NOW + SECOND)) == []
    assert subjects(poll=poll(next_due_at=NOW - SECOND)) == []


def test_failed_ndrs_are_a_matter_of_course() -> None:
    status = quiet(deliveries={"attempting": 0, "delivered": 0, "deferred": 0, "failed": 7, "held": 0})
    assert troubles(status) == ()


def test_the_queues_tell_of_parked_messages_and_of_a_relay_that_does_not_keep_up() -> None:
    status = replace(quiet(), queues={"parked": 2, "mail-out": MAIL_OUT + 1})
    assert [trouble.message for trouble in troubles(status)] == [
        "2 messages are parked",
        "1,001 mails wait for a relay",
    ]
    assert troubles(replace(quiet(), queues={"parked": None, "mail-out": MAIL_OUT})) == ()


def test_a_broker_that_is_away_and_a_database_that_is_behind_come_first() -> None:
    status = replace(quiet(), queues=None, database=None, missing_migrations=("0011_x",))
    assert [trouble.message for trouble in troubles(status)] == [
        "the database lacks 0011_x",
        "the broker does not answer",
    ]
    assert verdict(troubles(status)) == "attention"


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=5), "1 min"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=3, minutes=4), "3 h 4 min"),
        (timedelta(hours=24), "1 day 0 h"),
        (timedelta(days=3, hours=4, minutes=5), "3 days 4 h"),
    ],
)
def test_a_time_span_is_said_in_its_two_largest_units(span: timedelta, words: str) -> None:
    assert in_words(span) == words
