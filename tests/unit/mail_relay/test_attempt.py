from datetime import UTC, datetime

import pytest

from services.mail_relay import attempt
from services.mail_relay.attempt import Begun, OpenAttempt, Peer
from services.mail_relay.extensions import Obstacle
from services.mail_relay.reply import Reply, Verdict

PEER = Peer("mx.example.org", "192.0.2.1")
OK = Reply(250, ("2.1.5 OK",))
BUSY = Reply(451, ("4.3.0 busy",))
UNKNOWN = Reply(550, ("5.1.1 no such user",))
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def test_each_recipient_gets_the_reply_that_was_given_to_it() -> None:
    accepted, results = attempt.after_envelope(["a", "b", "c"], [OK, OK, UNKNOWN, BUSY], PEER)
    assert accepted == ["a"]
    assert [(result.recipient, result.verdict, result.enhanced_status) for result in results] == [
        ("b", Verdict.FAILED, "5.1.1"),
        ("c", Verdict.DEFERRED, "4.3.0"),
    ]


def test_a_refused_reverse_path_concerns_every_recipient_whatever_they_were_answered() -> None:
    accepted, results = attempt.after_envelope(["a", "b"], [BUSY, Reply(503, ("no MAIL",)), OK], PEER)
    assert accepted == []
    assert [(result.recipient, result.smtp_status) for result in results] == [("a", 451), ("b", 451)]


def test_an_expired_recipient_is_failed_with_the_last_reply() -> None:
    opened = OpenAttempt("a", 3, last_status=451, last_reply="451 4.3.0 busy", last_mta="mx.example.org")
    result = attempt.expired(opened, NOON)
    assert (result.verdict, result.smtp_status, result.enhanced_status) == (Verdict.FAILED, 451, "4.4.7")
    assert (result.reply, result.peer) == ("451 4.3.0 busy", Peer("mx.example.org", None))


@pytest.mark.parametrize(
    ("last_reply", "reason"), [(None, "no attempt was made before"), ("no route", "no route")]
)
def test_an_expired_recipient_no_server_spoke_of_is_failed_with_our_words(
    last_reply: str | None, reason: str
) -> None:
    result = attempt.expired(OpenAttempt("a", 1, last_reply=last_reply), NOON)
    assert (result.smtp_status, result.enhanced_status) == (None, "4.4.7")
    assert result.reply == f"message expired at 2026-05-04T12:00:00+00:00; {reason}"


def test_what_a_server_can_not_take_is_a_permanent_failure_with_its_own_status() -> None:
    result = attempt.refused_for_server("a", Obstacle("no 8BITMIME", 554, "5.6.3"), PEER)
    assert (result.verdict, result.smtp_status, result.enhanced_status) == (Verdict.FAILED, 554, "5.6.3")
    assert (result.reply, result.peer) == ("no 8BITMIME", PEER)


def test_a_mail_comes_back_as_long_as_one_recipient_is_deferred() -> None:
    done = attempt.answered("a", OK, PEER)
    gone = attempt.answered("b", UNKNOWN, PEER)
    waiting = attempt.answered("c", BUSY, PEER)
    assert attempt.reason_to_retry([done, gone]) is None
    assert attempt.reason_to_retry([done, gone, waiting]) == "1 deferred; c: 451 4.3.0 busy"
    assert attempt.all_finished(Begun(), [done, gone])
    assert not attempt.all_finished(Begun(), [done, waiting])
    assert not attempt.all_finished(Begun(elsewhere=1), [done])


def test_outcomes_tell_double_bounces_and_doubt_apart() -> None:
    gone = attempt.answered("a", UNKNOWN, PEER)
    assert attempt.outcome(gone, "reports@example.com") == "failed"
    assert attempt.outcome(gone, "") == "double-bounce"
    assert attempt.outcome(attempt.answered("a", OK, PEER), "") == "delivered"
    assert attempt.outcome(attempt.postponed("a", "lost"), "") == "deferred"
    assert attempt.outcome(attempt.postponed("a", "lost", in_doubt=True), "") == "in-doubt"


def test_what_was_not_offered_is_no_attempt_and_tells_nobody() -> None:
    waiting = attempt.not_offered("a", "no server")
    assert attempt.outcome(waiting, "") == "not-offered"
    assert attempt.event(waiting) is None
    assert attempt.event(attempt.answered("a", UNKNOWN, PEER)) == "mail.failed"
    assert attempt.event(attempt.postponed("a", "lost", in_doubt=True)) == "mail.deferred"


def test_only_a_result_in_doubt_is_held() -> None:
    doubtful = attempt.postponed("a", "lost", in_doubt=True)
    assert attempt.held_if_in_doubt(doubtful).verdict is Verdict.HELD
    assert attempt.held_if_in_doubt(attempt.postponed("a", "lost")).verdict is Verdict.DEFERRED


def test_a_held_recipient_keeps_its_mail_from_being_finished_and_says_what_to_do() -> None:
    done = attempt.answered("a", OK, PEER)
    held = attempt.held_if_in_doubt(attempt.postponed("b", "lost", in_doubt=True))
    assert not attempt.all_finished(Begun(), [done, held])
    assert not attempt.all_finished(Begun(held=("b",)), [done])
    assert attempt.reason_to_park(Begun(), [done]) is None
    assert attempt.reason_to_park(Begun(held=("c",)), [held]) == (
        "2 held: nobody knows whether the mail server took the mail for c and others; replay to send it again"
        " with the same Message-ID, or discard to leave it at that"
    )
