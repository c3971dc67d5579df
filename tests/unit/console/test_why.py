from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.console.bounces.history import Audited, History, MailDelivery, Quarantined, Queued
from services.console.bounces.why import explain
from services.ndr_worker.policy import Discard

NOW = datetime(2026, 11, 21, 3, 35, tzinfo=UTC)
NDR = UUID(int=7)
MAIL = f"ndr.{NDR}"
REPORTED = Audited(
    NOW, "reported", NDR, 1, 10, "ann@example.com", "bob@example.net", "550 5.1.1 unknown", None, None
)
WAITING = Queued(
    NOW,
    "bounced",
    None,
    1,
    10,
    "ann@example.com",
    "bob@example.net",
    "550 5.1.1 unknown",
    1,
    None,
    leased=False,
)
DELIVERY = MailDelivery(
    MAIL,
    "ann@example.com",
    "delivered",
    1,
    None,
    leased=False,
    reply="250 2.0.0 taken",
    remote_mta="mx.example.com",
    last_attempt_at=NOW,
)


def text_of(history: History, *, sink: bool = False) -> str:
    (answer,) = explain(history, sink=sink)
    return answer.text


def test_nothing_known_is_nothing_explained() -> None:
    assert explain(History()) == []


def test_a_delivered_ndr_is_told_with_the_servers_reply() -> None:
    text = text_of(History(audited=(REPORTED,), deliveries=(DELIVERY,)))

    assert f"NDR {MAIL} told ann@example.com" in text
    assert "did not reach bob@example.net (550 5.1.1 unknown)" in text
    assert "mailed to ann@example.com and accepted by mx.example.com (250 2.0.0 taken)" in text


def test_recipients_of_one_ndr_are_told_of_together() -> None:
    other = replace(REPORTED, entry_id=11, recipient="carol@example.net")

    (answer,) = explain(History(audited=(REPORTED, other)))

    assert "bob@example.net and carol@example.net" in answer.text
    assert answer.entry_ids == (10, 11)


@pytest.mark.parametrize(
    ("state", "leased", "words"),
    [
        (
            "deferred",
            False,
            "attempt 1 was put off by mx.example.com (250 2.0.0 taken); the relay tries again",
        ),
        ("failed", False, "refused it for good"),
        ("attempting", True, "is being delivered to ann@example.com now"),
        ("attempting", False, "in doubt"),
    ],
)
def test_what_the_relay_knows_is_told(state: str, leased: bool, words: str) -> None:  # noqa: FBT001 - a parameter set
    delivery = replace(DELIVERY, state=state, leased=leased)

    assert words in text_of(History(audited=(REPORTED,), deliveries=(delivery,)))


def test_an_ndr_the_relay_has_not_seen_is_not_called_delivered() -> None:
    assert "has not tried to deliver it yet" in text_of(History(audited=(REPORTED,)))


def test_with_the_sink_an_ndr_is_mailed_to_nobody() -> None:
    assert "mailed to nobody" in text_of(History(audited=(REPORTED,)), sink=True)


@pytest.mark.parametrize("discard", [*Discard, "discarded-by-operator"])
def test_every_discard_has_its_reason(discard: str) -> None:
    text = text_of(History(audited=(replace(REPORTED, action=str(discard), ndr_id=None),)))

    assert text.startswith("no NDR about bob@example.net: ")
    assert str(discard) not in text


def test_a_null_sender_is_explained() -> None:
    null = replace(REPORTED, action="discarded-null-sender", ndr_id=None, sender="")

    assert "had no sender (null reverse-path)" in text_of(History(audited=(null,)))


def test_a_held_ndr_waits_for_its_digest() -> None:
    held = replace(REPORTED, action="held-for-digest")

    assert "waits for the next digest" in text_of(History(audited=(held,)))


def test_a_held_ndr_is_followed_into_its_digest() -> None:
    digest = UUID(int=9)
    held = replace(REPORTED, action="held-for-digest", digest_id=digest, digested_at=NOW)
    delivery = replace(DELIVERY, mail_id=f"digest.{digest}")

    text = text_of(History(audited=(held,), deliveries=(delivery,)))

    assert f"Digest digest.{digest} tells of it. It was mailed to ann@example.com" in text


@pytest.mark.parametrize(
    ("action", "words"), [("success-reported", "was delivered"), ("delay-reported", "is late")]
)
def test_other_notifications_say_what_they_told(action: str, words: str) -> None:
    assert words in text_of(History(audited=(replace(REPORTED, action=action),)))


def test_an_action_of_a_later_version_is_named() -> None:
    assert "ended as outsourced" in text_of(History(audited=(replace(REPORTED, action="outsourced"),)))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (WAITING, "waits for the next poll"),
        (
            replace(WAITING, ndr_id=NDR, leased_until=NOW, leased=True),
            "a worker has the entry until 03:35:00",
        ),
        (replace(WAITING, ndr_id=NDR, leased_until=NOW), "its worker did not finish"),
        (replace(WAITING, status="deferred"), "still being tried (attempts so far: 1)"),
        (replace(WAITING, status="ready"), "has not been tried yet"),
        (replace(WAITING, status="delivered"), "was delivered"),
        (replace(WAITING, sender=""), "nobody will be told"),
    ],
)
def test_an_entry_in_the_queue_is_told_of_by_its_state(entry: Queued, words: str) -> None:
    assert words in text_of(History(queued=(entry,)))


def test_an_entry_in_quarantine_comes_with_what_to_do() -> None:
    entry = Quarantined(NOW, 1, 10, "ann@", "bob@example.net", "sender has no domain")

    text = text_of(History(quarantined=(entry,)))

    assert "(sender has no domain)" in text
    assert "mailroom bounces requeue 10" in text


def test_the_latest_comes_first() -> None:
    earlier = replace(WAITING, at=NOW - timedelta(hours=1))

    answers = explain(History(audited=(REPORTED,), queued=(earlier,)))

    assert [answer.at for answer in answers] == [NOW, NOW - timedelta(hours=1)]


def test_a_long_diagnostic_is_cut_and_stays_on_one_line() -> None:
    text = text_of(History(audited=(replace(REPORTED, diagnostic="550-no\r\n" * 200),)))

    assert "…" in text
    assert "\n" not in text
