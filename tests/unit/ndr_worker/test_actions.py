"""Notifications of other things than a failure, copies, and the report of a double bounce."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.ndr_worker.bounce import Action
from services.ndr_worker.composition import verify
from services.ndr_worker.composition.compose import ComposedNdr, Composer
from tests.unit.ndr_worker.builders import (
    IDENTITY,
    NDR_ID,
    NOW,
    blocks,
    bounced,
    compose,
    content_types,
    failed,
    notified,
    parse,
    part,
    text,
)

HEADER = ["text/plain", "message/delivery-status", "text/rfc822-headers"]
LATER = NOW + timedelta(hours=60)
DEFERRED = failed(smtp_status=451, diagnostic="451 4.7.1 greylisted, come back")


def delayed(*recipients: object, **changes: object) -> ComposedNdr:
    return compose(*(recipients or (DEFERRED,)), action=Action.DELAYED, **changes)  # type: ignore[arg-type]


def double_bounce() -> ComposedNdr:
    notification = notified(failed(), message=bounced(sender=""))
    return Composer(IDENTITY).compose_double_bounce(notification, "root@mail.example.com", NOW)


def test_02_the_postmaster_is_told_of_a_double_bounce_in_a_mail_that_cannot_bounce() -> None:
    ndr = double_bounce()
    assert ndr.mail_id == f"double.{NDR_ID}"
    assert ndr.rcpt_to == parse(ndr)["To"] == "root@mail.example.com"
    assert parse(ndr)["X-Mailroom-Original-Return-Path"] == "<>"
    assert parse(ndr)["Subject"] == "Undeliverable Notification"
    assert verify.defects(ndr.message, 1) is None
    words = " ".join(text(ndr).split())
    assert "double bounce" in words
    assert "nobody but you has been told" in words
    assert "bob@remote.test" in words


def test_05_a_delayed_notification_says_so_everywhere() -> None:
    ndr = delayed(until=LATER)
    block = blocks(ndr)[1]
    assert (block["Action"], block["Status"]) == ("delayed", "4.7.1")
    assert block["Will-Retry-Until"] == "Mon, 23 Nov 2026 12:10:12 +0000"
    assert parse(ndr)["Subject"] == "Delivery Delayed"
    assert ndr.mail_id == f"ndr.{NDR_ID}"
    assert verify.defects(ndr.message, 1) is None
    words = " ".join(text(ndr).split())
    for expected in (
        "could not be delivered yet",
        "you do not need to send it again",
        "Not yet delivered to: bob@remote.test",
        "attempts will be made until Mon, 23 Nov 2026 12:10:12 +0000.",
        "451 4.7.1 greylisted",
        "postmaster@mail.example.com",
    ):
        assert expected in words
    for unexpected in ("You may send", "No further", "Undelivered", "Non-Delivery"):
        assert unexpected.encode() not in ndr.message


def test_53_will_retry_until_stands_behind_the_log_id() -> None:
    block = blocks(delayed(failed(original_recipient="bad", smtp_status=451), until=LATER))[1]
    assert block.keys()[-3:] == ["Final-Log-ID", "Will-Retry-Until", "X-Mailroom-Original-Recipient"]


def test_66_only_a_delay_has_will_retry_until() -> None:
    assert blocks(delayed())[1]["Will-Retry-Until"] is None
    assert "attempts will be made." in text(delayed())
    for action in (Action.FAILED, Action.DELIVERED, Action.RELAYED):
        assert blocks(compose(action=action, until=LATER))[1]["Will-Retry-Until"] is None


@pytest.mark.parametrize(
    ("smtp_status", "enhanced", "diagnostic", "status"),
    [
        (451, "4.2.2", "451 full", "4.2.2"),
        (451, None, "451 mailbox full", "4.2.2"),
        (451, None, "451 later", "4.0.0"),
        (None, None, None, "4.0.0"),
        (550, "5.1.1", "550 5.1.1 no", "4.0.0"),
    ],
)
def test_60_a_delay_has_a_status_of_class_4(
    smtp_status: int | None, enhanced: str | None, diagnostic: str | None, status: str
) -> None:
    entry = failed(smtp_status=smtp_status, enhanced_status=enhanced, diagnostic=diagnostic)
    ndr = delayed(entry)
    assert blocks(ndr)[1]["Status"] == status
    if status == "4.0.0":
        assert "could not be delivered so far" in text(ndr)


def test_a_delayed_message_has_not_expired_in_words() -> None:
    assert "time allowed" not in text(delayed(failed(smtp_status=451, enhanced_status="4.4.7")))


@pytest.mark.parametrize("action", [Action.DELIVERED, Action.RELAYED])
@pytest.mark.parametrize(
    ("enhanced", "diagnostic", "status"),
    [
        (None, None, "2.0.0"),
        ("2.1.5", None, "2.1.5"),
        ("5.1.1", None, "2.0.0"),
        (None, "250 2.6.0 queued", "2.6.0"),
    ],
)
def test_05_a_success_is_a_success_everywhere(
    action: Action, enhanced: str | None, diagnostic: str | None, status: str
) -> None:
    entry = failed(smtp_status=250, enhanced_status=enhanced, diagnostic=diagnostic)
    ndr = compose(entry, action=action)
    block = blocks(ndr)[1]
    assert (block["Action"], block["Status"]) == (action.value, status)
    assert block["Diagnostic-Code"] == (f"smtp; {diagnostic}" if diagnostic else None)
    assert parse(ndr)["Subject"] == "Delivery Success"
    assert verify.defects(ndr.message, 1) is None
    words = text(ndr)
    assert ("delivered" if action is Action.DELIVERED else "passed on") in words
    for unexpected in ("could not", "No further", "Not delivered"):
        assert unexpected not in words
    assert b"Non-Delivery" not in ndr.message


@pytest.mark.parametrize("action", [Action.DELAYED, Action.DELIVERED, Action.RELAYED])
@pytest.mark.parametrize("ret", [None, "FULL"])
def test_35_without_a_failure_only_the_header_is_returned(action: Action, ret: str | None) -> None:
    ndr = compose(action=action, message=bounced(ret=ret))
    assert content_types(ndr) == HEADER
    assert part(ndr, 3)["Content-Description"] == "Message header"


def test_16_an_additional_recipient_gets_a_mail_of_their_own() -> None:
    mine, copy, other = compose(), compose(copy_to="audit@example.com"), compose(copy_to="boss@example.com")
    assert copy.rcpt_to == parse(copy)["To"] == "audit@example.com"
    assert parse(copy)["X-Mailroom-Original-Return-Path"] == "<alice@sender.test>"
    assert copy.mail_id.startswith(f"ndr.{NDR_ID}.")
    assert parse(copy)["Message-ID"] == f"<{copy.mail_id}@mx1.mail.example.com>"
    assert len({mine.mail_id, copy.mail_id, other.mail_id}) == 3
    assert copy == compose(copy_to="audit@example.com")


def test_16_a_redirect_does_not_keep_copies_from_their_recipients() -> None:
    assert compose(copy_to="audit@example.com", redirect="abuse@example.com").rcpt_to == "audit@example.com"


@pytest.mark.parametrize("ndr", [compose(), delayed(), double_bounce()], ids=["ndr", "delayed", "double"])
def test_17_18_20_a_notification_asks_for_no_notification(ndr: ComposedNdr) -> None:
    # NOTIFY, RET and ENVID are parameters of the envelope; ours has an address and nothing else.
    assert {name for name in ndr._fields if name not in ("eight_bit", "smtputf8")} == {
        "mail_id",
        "rcpt_to",
        "message",
    }
    for name in ("Disposition-Notification-To", "Return-Receipt-To", "Original-Envelope-Id"):
        assert parse(ndr)[name] is None


def test_20_the_longest_parameters_of_the_intake_are_reported_whole() -> None:
    envid, orcpt = "E" * 100, "rfc822;" + "a" * 481 + "@remote.test"
    assert len(orcpt) == 500
    ndr = compose(failed(original_recipient=orcpt), message=bounced(envelope_id=envid))
    assert blocks(ndr)[0]["Original-Envelope-Id"] == envid
    assert blocks(ndr)[1]["Original-Recipient"] == orcpt.replace(";", "; ")


def test_45_no_part_has_a_file_name() -> None:
    for ndr in (compose(), compose(html=True), delayed()):
        assert all(each.get_filename() is None for each in parse(ndr).walk())


@pytest.mark.parametrize(
    ("smtp_status", "diagnostic", "assumed", "status", "shown"),
    [
        (None, None, 0, "5.0.0", "X-Mailroom; no further detail was recorded"),
        (0, None, 0, "5.0.0", "X-Mailroom; no further detail was recorded"),
        (0, None, 451, "4.4.7", "X-Mailroom; 451 (no further detail was recorded)"),
        (None, None, 550, "5.0.0", "X-Mailroom; 550 (no further detail was recorded)"),
        (None, "550 5.1.1 gone", 451, "5.1.1", "smtp; 550 5.1.1 gone"),
        (550, None, 451, "5.0.0", "X-Mailroom; 550 (no further detail was recorded)"),
    ],
)
def test_statuszero_stands_for_a_status_that_is_not_known(
    smtp_status: int | None, diagnostic: str | None, assumed: int, status: str, shown: str
) -> None:
    entry = failed(smtp_status=smtp_status, diagnostic=diagnostic)
    block = blocks(compose(entry, assumed_smtp_status=assumed))[1]
    assert (block["Status"], block["Diagnostic-Code"]) == (status, shown)


@pytest.mark.parametrize("sender", ["alice@sender.test", "j\u00f6rg@sender.test"])
@pytest.mark.parametrize("recipient", ["bob@remote.test", "b\u00f6b@remote.test"])
def test_58_the_global_type_is_used_only_where_smtputf8_is_needed_in_any_case(
    sender: str, recipient: str
) -> None:
    ndr = compose(failed(recipient=recipient), message=bounced(sender=sender))
    is_global = not sender.isascii() and not recipient.isascii()
    assert (b"Content-Type: message/global-delivery-status\r\n" in ndr.message) is is_global
    assert (b"Content-Type: message/delivery-status\r\n" in ndr.message) is not is_global
    assert (f"Final-Recipient: utf-8; {recipient}\r\n".encode() in ndr.message) is is_global
    assert ndr.smtputf8 is not sender.isascii()
    assert ndr.eight_bit is is_global
    assert parse(ndr)["Content-Transfer-Encoding"] == ("8bit" if is_global else None)
    assert verify.defects(ndr.message, 1) is None


def test_58_a_long_global_recipient_is_cut_between_characters() -> None:
    ndr = compose(
        failed(recipient="\u65e5" * 2000 + "@x.test\r\nX: y"), message=bounced(sender="j\u00f6rg@s.test")
    )
    assert verify.defects(ndr.message, 1) is None
    assert ndr.message.decode()


def test_composing_changes_nothing_it_was_given() -> None:
    notification = notified(failed(), message=bounced())
    Composer(replace(IDENTITY, html=True)).compose(notification, NOW)
    assert notification == notified(failed(), message=bounced())
