"""Who gets a notification: checklist 4.1 and 4.7."""

from typing import Any

import pytest

from services.ndr_worker.composition import address
from services.ndr_worker.composition.header import NdrIdentityError
from services.ndr_worker.policy import Decision, Discard, PolicySettings, decide
from tests.unit.ndr_worker.builders import ORIGINAL, blocks, bounced, compose, failed, text

OWN = PolicySettings(own_addresses=frozenset({"Postmaster@mail.example.com"}))


def decision(sender: str = "alice@sender.test", **changes: Any) -> Decision:
    return decide(bounced(sender=sender, **changes), [failed()], OWN)


def test_01_a_null_sender_never_gets_a_notification() -> None:
    assert decision("") == Decision(discarded=((failed(), Discard.NULL_SENDER),))
    assert decide(bounced(sender=""), [failed(notify="FAILURE")], OWN).reported == ()


def test_03_a_failure_without_notify_is_reported() -> None:
    assert decision() == Decision(reported=(failed(),))


@pytest.mark.parametrize("notify", ["FAILURE", "SUCCESS,FAILURE", "failure,delay", "DELAY, FAILURE", ""])
def test_04_notify_with_failure_is_reported(notify: str) -> None:
    assert decide(bounced(), [failed(notify=notify)], OWN).reported == (failed(notify=notify),)


@pytest.mark.parametrize("notify", ["NEVER", "SUCCESS", "DELAY", "SUCCESS,DELAY", "never", "NEVER,FAILURE"])
def test_04_notify_without_failure_is_not_reported(notify: str) -> None:
    assert decide(bounced(), [failed(notify=notify)], OWN).discarded == (
        (failed(notify=notify), Discard.NOTIFY),
    )


def test_06_a_recipient_that_must_not_be_reported_is_not_mentioned() -> None:
    told, secret = failed(), failed(entry_id=4, recipient="secret@hidden.test", notify="NEVER")
    decided = decide(bounced(), [told, secret], OWN)
    assert decided == Decision(reported=(told,), discarded=((secret, Discard.NOTIFY),))
    assert b"hidden.test" not in compose(*decided.reported).message


def test_08_envelope_and_to_are_the_reverse_path() -> None:
    ndr = compose()
    assert ndr.rcpt_to == "alice@sender.test"
    assert b"\r\nTo: alice@sender.test\r\n" in ndr.message


def test_08_a_redirect_changes_both_and_keeps_the_original_sender() -> None:
    ndr = compose(redirect="abuse@example.com")
    assert ndr.rcpt_to == "abuse@example.com"
    assert b"\r\nTo: abuse@example.com\r\n" in ndr.message
    assert b"\r\nX-Mailroom-Original-Return-Path: <alice@sender.test>\r\n" in ndr.message


def test_08_a_redirect_that_would_add_a_field_is_refused() -> None:
    with pytest.raises(NdrIdentityError, match="ndr_recip_redirect"):
        compose(redirect="a@b.test\r\nBcc: eve@x.test")


@pytest.mark.parametrize(
    ("path", "mailbox"),
    [
        ("@a.test,@b.test:user@d.test", "user@d.test"),
        ("@a.test:user@d.test", "user@d.test"),
        ("@[IPv6:::1]:user@d.test", "user@d.test"),
        ("user%d@relay.test", "user%d@relay.test"),
        ("@a.test", "@a.test"),
    ],
)
def test_09_only_source_routes_are_stripped(path: str, mailbox: str) -> None:
    assert address.without_source_route(path) == mailbox


def test_09_the_notification_goes_to_the_mailbox_behind_the_route() -> None:
    ndr = compose(message=bounced(sender="@a.test,@b.test:user@d.test"))
    assert ndr.rcpt_to == "user@d.test"
    assert b"X-Mailroom-Original-Return-Path: <@a.test,@b.test:user@d.test>\r\n" in ndr.message


def test_10_mail_of_our_own_reporting_is_not_reported_again() -> None:
    assert decision("postmaster@MAIL.example.com").discarded == ((failed(), Discard.OWN_ADDRESS),)


@pytest.mark.parametrize(("hops", "reported"), [(99, True), (100, False), (101, False)])
def test_12_a_message_that_went_in_a_loop_is_not_reported(hops: int, *, reported: bool) -> None:
    content = b"Received: by mx.example.com\r\n" * hops + ORIGINAL.split(b"\r\n", 1)[1]
    assert bool(decision(content=content, content_size=len(content)).reported) is reported


def test_12_received_in_the_body_is_no_hop() -> None:
    content = ORIGINAL + b"Received: by mx.example.com\r\n" * 200
    assert decision(content=content, content_size=len(content)).reported


@pytest.mark.parametrize(
    ("sender", "reason"),
    [
        ("alice", "no @"),
        ("@mydom.test", "no local part"),
        ("alice@", "no valid domain"),
        ("alice@a..test", "no valid domain"),
        ("alice@exa mple.test", "no valid domain"),
        ("alice\r\nBcc: eve@x.test@sender.test", "control"),
        ("alice\x00@sender.test", "control"),
        ("al\u202eice@sender.test", "invisible"),
        ("alice\ud800@sender.test", "invisible"),
        ("a" * 300 + "@sender.test", "longer than 256"),
        ('"alice@sender.test', "quotes"),
        ('al"ice@sender.test', "quotes"),
        ('"alice"x@sender.test', "quotes"),
        ("a b@sender.test", "need quotes"),
        ("a,b@sender.test", "need quotes"),
        ("a@b@sender.test", "need quotes"),
        ("<alice@sender.test>", "need quotes"),
        ("alice@[300.1.1.1]", "domain literal"),
        ("alice@[IPv6:zz]", "domain literal"),
        ("alice@[192.0.2.1", "domain literal"),
        ("alice@[fe80::1%eth0]", "domain literal"),
    ],
)
def test_13_a_malformed_sender_goes_to_quarantine_with_its_reason(sender: str, reason: str) -> None:
    ((entry, why),) = decision(sender).quarantined
    assert entry == failed()
    assert reason in why


def test_14_an_address_of_our_own_gets_none_tagged_or_not() -> None:
    assert decision("postmaster@mail.example.com").discarded[0][1] == "discarded-own-address"
    assert decision("prvs=1234abcd=postmaster@mail.example.com").discarded[0][1] == "discarded-own-address"


@pytest.mark.parametrize(
    "sender",
    [
        "prvs=0123456789=alice@sender.test",
        "SRS0=HHH=TT=origin.test=" + "a" * 70 + "@sender.test",
        "SRS1=HHH=relay.test==HHH=TT=origin.test=alice@sender.test",
        "alice%origin.test@relay.test",
        "user@dom%ain.test",
        "bounce+bob=remote.test@Lists.Sender.TEST",
        "alice.@carrier.test",
        '"john doe"@sender.test',
        "alice@[192.0.2.1]",
        "alice@[IPv6:2001:db8::1]",
        "j\u00f6rg@sender.test",
    ],
)
def test_15_senders_are_used_byte_for_byte(sender: str) -> None:
    assert decision(sender).reported == (failed(),)
    ndr = compose(message=bounced(sender=sender))
    assert ndr.rcpt_to == sender
    assert f"\r\nTo: {sender}\r\n".encode() in ndr.message


def test_generate_ndr_off_discards_what_would_have_been_reported() -> None:
    off = PolicySettings(generate_ndr=False)
    silent = failed(entry_id=4, notify="NEVER")
    assert decide(bounced(), [failed(), silent], off).discarded == (
        (silent, Discard.NOTIFY),
        (failed(), Discard.DISABLED),
    )


def test_71_one_notification_reports_every_recipient_of_one_message() -> None:
    ndr = compose(failed(), failed(entry_id=4, recipient="carol@remote.test"))
    assert [block["Final-Recipient"] for block in blocks(ndr)[1:]] == [
        "rfc822; bob@remote.test",
        "rfc822; carol@remote.test",
    ]
    assert "carol@remote.test" in text(ndr)
