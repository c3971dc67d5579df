"""The settings and policies of the NDR worker, each seen at what is published, recorded and left."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.ndr_worker.batch import BatchHandler
from shared.wire import Mail
from tests.doubles.publisher import RecordingPublisher
from tests.integration.ndr_worker.harness import Handler, Queue, mails, run

pytestmark = pytest.mark.integration


def process(queue: Queue, make_handler: Handler, **variables: str) -> list[Mail]:
    """Run one chain with these settings and return what it put on mail-out."""
    publisher = RecordingPublisher()
    handler: BatchHandler = make_handler(publisher, **variables)
    run(queue, handler, publisher)
    handler.close()
    return mails(publisher)


def header(mail: Mail, name: str) -> str:
    assert isinstance(mail.message, bytes)
    return str(message_from_bytes(mail.message, policy=default)[name])


def content(mail: Mail) -> bytes:
    assert isinstance(mail.message, bytes)
    return mail.message


def audit_failures() -> float:
    return REGISTRY.get_sample_value("mailroom_record_write_errors_total", {"record": "audit"}) or 0


def test_generate_ndr_off_discards_and_audits(queue: Queue, make_handler: Handler) -> None:
    queue.add("b@example.net")
    assert process(queue, make_handler, MAILROOM_NDR__GENERATE_NDR="N") == []
    assert queue.audit() == [("b@example.net", "discarded-disabled")]


def test_a_redirect_changes_envelope_and_header_alike_and_names_the_sender(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("b@example.net", sender="alice@example.com")
    (mail,) = process(queue, make_handler, MAILROOM_NDR__NDR_RECIP_REDIRECT="me@example.org")
    assert mail.rcpt_to == ("me@example.org",)
    assert header(mail, "To") == "me@example.org"
    assert header(mail, "X-Mailroom-Original-Return-Path") == "<alice@example.com>"


def test_each_additional_recipient_gets_a_message_of_its_own(queue: Queue, make_handler: Handler) -> None:
    queue.add("b@example.net", sender="alice@example.com")
    main, first, second = process(
        queue, make_handler, MAILROOM_NDR__NDR_RECIPS_ADDITIONAL="x@example.org | y@example.org"
    )
    assert (main.kind, main.rcpt_to) == ("ndr", ("alice@example.com",))
    assert [(copy.kind, copy.rcpt_to) for copy in (first, second)] == [
        ("ndr-copy", ("x@example.org",)),
        ("ndr-copy", ("y@example.org",)),
    ]
    assert header(first, "To") == "x@example.org"
    assert header(first, "X-Mailroom-Original-Return-Path") == "<alice@example.com>"
    assert len({header(mail, "Message-ID") for mail in (main, first, second)}) == 3


def test_s1_the_sink_still_makes_copies_and_additional_mails(
    queue: Queue, make_handler: Handler, tmp_path: Path
) -> None:
    queue.add("b@example.net", sender="alice@example.com")
    (copy,) = process(
        queue,
        make_handler,
        MAILROOM_NDR__NDR_RECIP_REDIRECT=".",
        MAILROOM_NDR__NDR_RECIPS_ADDITIONAL="x@example.org",
        MAILROOM_NDR__NDR_COPIES_FOLDER=str(tmp_path),
    )
    assert copy.rcpt_to == ("x@example.org",)
    (kept,) = tmp_path.glob("*.msg")
    assert b"To: alice@example.com\r\n" in kept.read_bytes()
    assert queue.audit() == [("b@example.net", "reported")]


def test_a_sink_without_copies_or_additional_recipients_makes_no_ndr(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("b@example.net")
    assert process(queue, make_handler, MAILROOM_NDR__NDR_RECIP_REDIRECT=".") == []
    assert queue.audit() == [("b@example.net", "discarded-disabled")]


def test_the_copy_of_an_ndr_is_the_mail_as_published_and_a_retry_overwrites_it(
    queue: Queue, make_handler: Handler, tmp_path: Path
) -> None:
    queue.add("b@example.net")
    (mail,) = process(queue, make_handler, MAILROOM_NDR__NDR_COPIES_FOLDER=str(tmp_path))
    assert (tmp_path / f"{mail.mail_id}.msg").read_bytes() == mail.message
    assert len(list(tmp_path.iterdir())) == 1


def test_the_audit_file_has_a_line_for_every_outcome(
    queue: Queue, make_handler: Handler, tmp_path: Path
) -> None:
    queue.add("reported@example.net")
    queue.add("discarded@example.net", sender="")
    queue.add("declined@example.net", notify="NEVER")
    queue.add("quarantined@example.net", sender="no address")
    process(
        queue,
        make_handler,
        MAILROOM_NDR__AUDIT="%DIRLOG%/audit/bounced.log",
        MAILROOM_DIRECTORIES__LOG=str(tmp_path),
    )
    lines = (tmp_path / "audit" / "bounced.log").read_text().splitlines()
    assert len(lines) == 4
    for name in ("reported", "discarded", "declined", "quarantined"):
        assert sum(f"{name}@example.net" in line for line in lines) == 1


def test_s4_an_audit_that_cannot_be_written_keeps_the_entries_and_is_told(
    queue: Queue, make_handler: Handler, tmp_path: Path
) -> None:
    queue.add("b@example.net")
    blocked = tmp_path / "file"
    blocked.touch()
    publisher = RecordingPublisher()
    handler = make_handler(publisher, MAILROOM_NDR__AUDIT=f"{blocked}/bounced.log")
    run(queue, handler, publisher)
    assert queue.waiting() == 1
    assert queue.audit() == []
    assert handler.trouble() is not None
    (outcome,) = queue.rows("SELECT outcome FROM mailroom.bounce_poll")
    assert outcome == ("error",)
    failures = audit_failures()
    queue.let_leases_end()
    run(queue, handler, publisher)
    assert len(mails(publisher)) == 1, "while it cannot be recorded, nothing is published again"
    assert audit_failures() == failures + 1, "each poll that fails counts, or the alert ends too early"
    blocked.unlink()
    run(queue, handler, publisher)
    assert queue.waiting() == 0
    assert handler.trouble() is None
    assert len({mail.mail_id for mail in mails(publisher)}) == 1, (
        "the same NDR, so the relay drops the second"
    )


def test_maxmemoryqueue_caps_queuecache(queue: Queue, make_handler: Handler) -> None:
    for number in range(7):
        queue.add(f"r{number}@example.net")
    publisher = RecordingPublisher()
    handler = make_handler(publisher, MAILROOM_NDR__MAXMEMORYQUEUE="3")
    run(queue, handler, publisher)
    assert sum(item.type == "bounces.poll/1" for item in publisher.published) == 2


def test_70_a_message_with_very_many_recipients_gets_several_ndrs(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add(*(f"r{number}@example.net" for number in range(25)))
    named = [
        content(mail).count(b"Final-Recipient:")
        for mail in process(queue, make_handler, MAILROOM_NDR__MAX_RECIPIENTS="10")
    ]
    assert sorted(named) == [5, 10, 10]


def test_72_recipients_that_fail_within_the_settle_window_share_one_ndr(
    queue: Queue, make_handler: Handler
) -> None:
    message = queue.add("first@example.net")
    queue.bounce(message, "still-trying@example.net", status="deferred")
    assert process(queue, make_handler, MAILROOM_NDR__SETTLE="30s") == [], "it waits for the others"
    queue.bounce(message, "second@example.net")
    queue.age("35 s")
    queue.bounce(message, "third@example.net")
    (mail,) = process(queue, make_handler, MAILROOM_NDR__SETTLE="30s")
    assert content(mail).count(b"Final-Recipient:") == 3
    queue.bounce(message, "late@example.net")
    queue.age("35 s")
    (later,) = process(queue, make_handler, MAILROOM_NDR__SETTLE="30s")
    assert b"late@example.net" in content(later)


def test_2_the_postmaster_is_told_of_a_double_bounce_by_a_mail_that_cannot_bounce(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("gone@example.net", sender="")
    (notice,) = process(queue, make_handler, MAILROOM_NDR__DOUBLE_BOUNCE_TO="postmaster@example.org")
    assert (notice.kind, notice.mail_from, notice.rcpt_to) == ("notice", "", ("postmaster@example.org",))
    assert b"gone@example.net" in content(notice)
    assert queue.audit() == [("gone@example.net", "discarded-null-sender")]


def test_past_its_budget_a_sender_gets_one_digest_and_every_entry_is_audited(
    queue: Queue, make_handler: Handler
) -> None:
    settings = {"MAILROOM_NDR__SENDER_BUDGET": "2", "MAILROOM_NDR__SENDER_BUDGET_PERIOD": "1h"}
    for number in range(6):
        queue.add(f"r{number}@example.net", sender=f"alice+{number}@example.com")
    queue.add("other@example.net", sender="bob@example.com")
    sent = process(queue, make_handler, **settings)
    assert sorted(mail.rcpt_to[0].partition("+")[0] for mail in sent) == ["alice", "alice", "bob@example.com"]
    assert sorted(action for _, action in queue.audit()) == ["held-for-digest"] * 4 + ["reported"] * 3
    assert process(queue, make_handler, **settings) == [], "the period is not over"
    queue.connection.execute("UPDATE mailroom.ndr_held SET held_at = held_at - interval '1 hour'")
    (digest,) = process(queue, make_handler, **settings)
    assert digest.rcpt_to == ("alice+5@example.com",), "where the sender last wrote from"
    assert digest.mail_from == ""
    assert all(f"r{number}@example.net".encode() in content(digest) for number in range(2, 6))
    assert b"multipart/report" not in content(digest), "a status report describes one message only"
    assert process(queue, make_handler, **settings) == []


def test_a_batch_done_twice_is_counted_once_against_the_budget(queue: Queue, make_handler: Handler) -> None:
    settings = {"MAILROOM_NDR__SENDER_BUDGET": "1"}
    queue.add("b@example.net")
    refusing = RecordingPublisher(lambda message: message.type == Mail.TYPE)
    run(queue, make_handler(refusing, **settings), refusing)
    queue.let_leases_end()
    (mail,) = process(queue, make_handler, **settings)
    assert mail.kind == "ndr"
    assert queue.audit() == [("b@example.net", "reported")]


def test_5_a_sender_is_told_once_per_threshold_that_a_message_is_late(
    queue: Queue, make_handler: Handler
) -> None:
    settings = {"MAILROOM_NDR__DELAY_NOTICES": "4h | 1d"}
    queue.add("slow@example.net", status="deferred")
    queue.add("silent@example.net", status="deferred", notify="FAILURE")
    queue.add("null@example.net", sender="", status="deferred")
    assert process(queue, make_handler, **settings) == [], "nothing is late yet"
    queue.receive_earlier(timedelta(hours=5))
    (notice,) = process(queue, make_handler, **settings)
    assert b"Action: delayed" in content(notice)
    assert b"Will-Retry-Until:" in content(notice)
    assert b"slow@example.net" in content(notice)
    assert b"silent@example.net" not in content(notice)
    assert process(queue, make_handler, **settings) == []
    queue.receive_earlier(timedelta(hours=20))
    assert len(process(queue, make_handler, **settings)) == 1
    assert queue.audit() == [("slow@example.net", "delay-reported")] * 2
    assert len(queue.rows("SELECT FROM mailroom.queue_entry WHERE status = 'deferred'")) == 3


def test_no_delay_is_told_of_unless_it_is_wanted(queue: Queue, make_handler: Handler) -> None:
    queue.add("slow@example.net", status="deferred")
    queue.receive_earlier(timedelta(days=3))
    assert process(queue, make_handler) == []


def test_a_delivery_is_reported_to_those_who_asked_when_that_is_switched_on(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("asked@example.net", status="delivered", notify="SUCCESS,FAILURE")
    queue.add("silent@example.net", status="delivered")
    assert process(queue, make_handler) == []
    assert queue.audit() == []
    (notice,) = process(queue, make_handler, MAILROOM_NDR__SUCCESS_NOTICES="Y")
    assert b"Action: delivered" in content(notice)
    assert b"asked@example.net" in content(notice)
    assert queue.audit() == [
        ("asked@example.net", "success-reported"),
        ("silent@example.net", "discarded-notify"),
    ]


def test_statuszero_stands_for_a_missing_smtp_status(queue: Queue, make_handler: Handler) -> None:
    queue.add("b@example.net")
    queue.connection.execute("UPDATE mailroom.queue_entry SET smtp_status = 0, diagnostic = NULL")
    (mail,) = process(queue, make_handler, MAILROOM_NDR__STATUSZERO="451")
    assert b"Status: 4." in content(mail)


def test_the_human_part_speaks_the_language_of_the_recipients_domain(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("b@example.net", sender="alice@exemple.fr")
    queue.add("b@example.net", sender="bob@example.com")
    by_recipient = {
        mail.rcpt_to[0]: content(mail)
        for mail in process(queue, make_handler, MAILROOM_NDR__LANGUAGES='{".fr": "fr"}')
    }
    assert b"Content-Language: fr" in by_recipient["alice@exemple.fr"]
    assert b"Content-Language: en" in by_recipient["bob@example.com"]


def test_housekeeping_removes_messages_nothing_refers_to_once_in_its_interval(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add()
    kept = queue.add("b@example.net", status="deferred")
    queue.receive_earlier(timedelta(days=11))
    process(queue, make_handler)
    assert queue.messages() == 2, "its interval has not passed"
    queue.connection.execute("UPDATE mailroom.bounce_poll SET housekept_at = now() - interval '25 hours'")
    process(queue, make_handler)
    assert queue.rows("SELECT message_id FROM mailroom.spooled_message") == [(kept,)]


def test_a_share_of_the_ndrs_is_parsed_in_full_before_it_leaves(queue: Queue, make_handler: Handler) -> None:
    queue.add("b@example.net", "c@example.net")
    assert len(process(queue, make_handler, MAILROOM_NDR__FULL_CHECK="1")) == 1


def test_an_ndr_that_is_not_delivered_in_its_lifetime_is_given_up(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("b@example.net")
    (mail,) = process(queue, make_handler, MAILROOM_NDR__LIFETIME="3h")
    assert mail.expires_at - mail.created_at == timedelta(hours=3)


def test_the_language_is_the_settings_where_nothing_else_is_said(queue: Queue, make_handler: Handler) -> None:
    queue.add("b@example.net")
    (mail,) = process(queue, make_handler, MAILROOM_NDR__LANGUAGE="de")
    assert b"Content-Language: de" in content(mail)


def test_the_human_part_has_an_html_alternative_where_it_is_wanted(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("b@example.net")
    (mail,) = process(queue, make_handler, MAILROOM_NDR__HTML="Y")
    assert b"multipart/alternative" in content(mail)
    assert b"text/html" in content(mail)


def test_a_failed_poll_is_followed_by_the_longest_pause(
    queue: Queue, make_handler: Handler, tmp_path: Path
) -> None:
    queue.add("b@example.net")
    blocked = tmp_path / "file"
    blocked.touch()
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher, MAILROOM_NDR__AUDIT=f"{blocked}/bounced.log"), publisher)
    ((pause,),) = queue.rows(
        "SELECT extract(epoch FROM next_due_at - now())::float FROM mailroom.bounce_poll"
    )
    assert 170 < pause <= 180
