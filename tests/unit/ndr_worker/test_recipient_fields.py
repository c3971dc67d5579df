"""The per-recipient fields of the delivery status: checklist 4.6."""

import re
from email.message import Message
from typing import Any

import pytest
from flufl.bounce import all_failures

from services.ndr_worker.composition import reply
from services.ndr_worker.composition.header import NdrIdentityError
from tests.unit.ndr_worker.builders import blocks, bounced, compose, failed, parse, text

VICTIM = "victim@innocent.test"


def block(**changes: Any) -> Message:
    return blocks(compose(failed(**changes)))[1]


def status(smtp_status: int | None, diagnostic: str | None = None, enhanced: str | None = None) -> str:
    return block(smtp_status=smtp_status, diagnostic=diagnostic, enhanced_status=enhanced)["Status"]


def test_53_the_fields_stand_in_the_order_of_the_grammar() -> None:
    assert block(original_recipient="rfc822;bob@remote.test").keys() == [
        "Original-Recipient",
        "Final-Recipient",
        "Action",
        "Status",
        "Remote-MTA",
        "Diagnostic-Code",
        "Last-Attempt-Date",
        "Final-Log-ID",
    ]


@pytest.mark.parametrize(
    ("orcpt", "field"),
    [
        (None, None),
        ("rfc822;user+2Bx@example.com", "rfc822; user+x@example.com"),
        ("RFC822;Bob@Example.com", "rfc822; Bob@Example.com"),
        ('rfc822;"john+20doe"@x.test', 'rfc822; "john doe"@x.test'),
        ("x400;/C=de/S=x", None),
        ("x400;/C+3Dde/S+3Dx", "x400; /C=de/S=x"),
        (r"utf-8;j\x{F6}rg@x.test", r"utf-8; j\x{F6}rg@x.test"),
        ("utf-8;j\u00f6rg@x.test", r"utf-8; j\x{F6}rg@x.test"),
        ("rfc822;a+0D+0AFinal-Recipient:@x", None),
        ("no-semicolon", None),
        ("rfc822;", None),
    ],
)
def test_54_the_original_recipient_is_orcpt_decoded(orcpt: str | None, field: str | None) -> None:
    found = block(original_recipient=orcpt)
    assert found["Original-Recipient"] == field
    assert ("X-Mailroom-Original-Recipient" in found) == (orcpt is not None and field is None)


@pytest.mark.parametrize(
    "recipient",
    [
        "Bob.Mc+tag@Remote.TEST",
        '"john doe"@x.test',
        '"a;b"@x.test',
        r'"a\"b"@x.test',
        '"@"@x.test',
        '""@x.test',
        "bob(comment)@x.test",
        "bob",
        "bob@[192.0.2.1]",
    ],
)
def test_55_56_the_final_recipient_is_the_envelope_recipient_exactly(recipient: str) -> None:
    assert block(recipient=recipient)["Final-Recipient"] == f"rfc822; {recipient}"


@pytest.mark.parametrize(
    "recipient",
    [f"bob@x.test\r\nFinal-Recipient: rfc822; {VICTIM}", "bob\x00@x.test", "b" * 5000 + "@x.test"],
)
def test_55_no_recipient_adds_a_field_or_a_long_line(recipient: str) -> None:
    ndr = compose(failed(recipient=recipient))
    assert len(blocks(ndr)) == 2
    assert len(blocks(ndr)[1].get_all("Final-Recipient", [])) == 1
    assert max(map(len, ndr.message.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("recipient", "field"),
    [
        ("j\u00f6rg@remote.test", r"utf-8; j\x{F6}rg@remote.test"),
        ("j\u00f6rg+x=y@remote.test", r"utf-8; j\x{F6}rg\x{2B}x\x{3D}y@remote.test"),
        ("\u65e5\u672c@\u4f8b.test", r"utf-8; \x{65E5}\x{672C}@\x{4F8B}.test"),
        ("\U0001f4e8@x.test", r"utf-8; \x{1F4E8}@x.test"),
        ("\u00f6\r\n\ud800@x.test", "utf-8; \\x{F6}???@x.test"),
    ],
)
def test_57_a_utf8_recipient_is_written_in_seven_bits(recipient: str, field: str) -> None:
    assert block(recipient=recipient)["Final-Recipient"] == field


def test_58_the_classic_types_are_used() -> None:
    assert b"global" not in compose(failed(recipient="j\u00f6rg@remote.test")).message


@pytest.mark.parametrize("smtp_status", [None, 0, 421, 451, 550])
def test_59_the_action_is_always_failed(smtp_status: int | None) -> None:
    assert block(smtp_status=smtp_status, diagnostic=None)["Action"] == "failed"


@pytest.mark.parametrize(
    ("smtp_status", "diagnostic", "enhanced", "expected"),
    [
        (550, "550 5.1.1 No such user", None, "5.1.1"),
        (550, "550 no", "5.7.26", "5.7.26"),
        (451, "451 4.3.0 later", "4.4.7", "4.4.7"),
        (451, "451 4.7.1 greylisted", None, "4.7.1"),
        (550, "550 sorry, no mailbox here by that name (#5.1.1)", None, "5.1.1"),
        (550, "550-5.7.1 first\r\n550 5.7.1 second", None, "5.7.1"),
        (None, "5.4.4 no route", None, "5.4.4"),
    ],
)
def test_60_a_precise_code_is_used(
    smtp_status: int | None, diagnostic: str, enhanced: str | None, expected: str
) -> None:
    assert status(smtp_status, diagnostic, enhanced) == expected


@pytest.mark.parametrize(
    "given", ["5.01.1", "5.1", "5.1.1000", "2.0.0", "5. 1.1", "junk", "\u0665.1.1", "5.1.1\r\nX: y"]
)
def test_60_what_is_no_code_is_never_shown(given: str) -> None:
    assert status(550, None, given) == "5.0.0"
    assert re.fullmatch(r"[45]\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})", status(550, f"550 {given}"))


@pytest.mark.parametrize(
    ("smtp_status", "diagnostic", "expected"),
    [
        (550, "550 User unknown", "5.1.1"),
        (550, "550 No such user here", "5.1.1"),
        (550, "550 <bob@remote.test>: mailbox does not exist", "5.1.1"),
        (552, "552 Mailbox full", "5.2.2"),
        (452, "452 over quota", "4.2.2"),
        (552, "552 message too large", "5.3.4"),
        (554, "554 relay access denied", "5.7.1"),
        (550, "Cannot connect to domain=remote.test", "5.4.1"),
        (550, "Domain not found", "5.1.2"),
        (554, "554 too many hops", "5.4.6"),
        (421, "SMTP session timed out", "4.4.2"),
        (556, "556 no", "5.1.10"),
        (550, "550 go away", "5.0.0"),
        (550, None, "5.0.0"),
        (554, None, "5.0.0"),
        (451, "451 later", "4.4.7"),
        (450, None, "4.4.7"),
        (None, "550 go away", "5.0.0"),
        (None, "no idea", "5.0.0"),
        (None, None, "5.0.0"),
    ],
)
def test_61_without_a_code_a_rule_or_the_class_decides(
    smtp_status: int | None, diagnostic: str | None, expected: str
) -> None:
    assert status(smtp_status, diagnostic) == expected


def test_61_the_fallback_is_used_only_when_nothing_is_known() -> None:
    unknown, refused = failed(smtp_status=None, diagnostic=None), failed(diagnostic=None)
    found = blocks(compose(unknown, refused, fallback_status="5.4.0"))
    assert [each["Status"] for each in found[1:]] == ["5.4.0", "5.0.0"]


@pytest.mark.parametrize(
    ("smtp_status", "diagnostic", "enhanced", "expected"),
    [
        (550, "550 4.2.2 mailbox full", None, "5.2.2"),
        (451, "451 5.1.1 what", None, "4.4.7"),
        (550, "550 no", "4.4.7", "5.0.0"),
        (550, "550 5.5.5.5 is blocked by us", None, "5.0.0"),
    ],
)
def test_62_a_code_of_another_class_is_not_believed(
    smtp_status: int, diagnostic: str, enhanced: str | None, expected: str
) -> None:
    assert status(smtp_status, diagnostic, enhanced) == expected


@pytest.mark.parametrize(
    ("mta", "ip", "field"),
    [
        ("mx.remote.test", "203.0.113.9", "dns; mx.remote.test (203.0.113.9)"),
        ("mx.remote.test", None, "dns; mx.remote.test"),
        (None, "203.0.113.9", "dns; [203.0.113.9]"),
        (None, "2001:db8::9", "dns; [IPv6:2001:db8::9]"),
        (None, None, None),
        ("mx\r\nStatus: 2.0.0", None, "dns; mx??Status:?2.0.0"),
    ],
)
def test_63_the_remote_mta_is_named_when_one_was_involved(
    mta: str | None, ip: str | None, field: str | None
) -> None:
    assert block(remote_mta=mta, remote_ip=ip)["Remote-MTA"] == field


def test_64_a_reply_is_transcribed_with_later_lines_behind_a_blank() -> None:
    ndr = compose(failed(diagnostic="550-5.1.1 No such user\r\n550-5.1.1 Ask again\r\n550 5.1.1 Bye"))
    assert (
        b"\r\nDiagnostic-Code: smtp; 550-5.1.1 No such user\r\n 550-5.1.1 Ask again\r\n 550 5.1.1 Bye\r\n"
        in ndr.message
    )
    assert "550-5.1.1 Ask again" in text(ndr)


def test_64_a_local_reason_has_our_type_and_no_remote_mta() -> None:
    found = block(diagnostic="SMTP session timed out", smtp_status=421)
    assert found["Diagnostic-Code"] == "X-Mailroom; SMTP session timed out"
    assert found["Remote-MTA"] is None


@pytest.mark.parametrize(
    "hostile",
    [
        f"550 no\r\nFinal-Recipient: rfc822; {VICTIM}\r\nAction: failed\r\nStatus: 5.1.1",
        f"550 no\r\n\r\nFinal-Recipient: rfc822; {VICTIM}\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        f"550-no\n550 Final-Recipient: rfc822; {VICTIM}",
        f"550 no\rFinal-Recipient: rfc822; {VICTIM}",
        f"550 no\u2028Final-Recipient: rfc822; {VICTIM}",
        f"550 no\x85Final-Recipient: rfc822; {VICTIM}",
        f"550 no\x0b\x0c\x1c\x1dFinal-Recipient: rfc822; {VICTIM}",
        f"nonsense\r\n\r\nFinal-Recipient: rfc822; {VICTIM}\r\nAction: failed",
        "550 nul\0del\x7fesc\x1b[31mred\x9b31m",
        "550 bidi\u202e\u2066 zero\u200b\ufeff",
        "550 \ud800 invalid",
        "550 " + "x" * 100_000,
        "550 " + "word " * 20_000,
        "550-line\r\n" * 10_000 + "550 end",
    ],
)
def test_65_a_hostile_diagnostic_adds_nothing(hostile: str) -> None:
    ndr = compose(failed(diagnostic=hostile), failed(entry_id=4, recipient="carol@remote.test"))
    found = blocks(ndr)
    assert [each.get_all("Final-Recipient") for each in found] == [
        None,
        ["rfc822; bob@remote.test"],
        ["rfc822; carol@remote.test"],
    ]
    assert set(all_failures(parse(ndr))[1]) == {b"bob@remote.test", b"carol@remote.test"}
    assert ndr.message.isascii()
    assert max(map(len, ndr.message.split(b"\r\n"))) <= 998
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", ndr.message)
    assert len(str(found[1]["Diagnostic-Code"])) < 6000
    assert not re.search("[\x1b\u202e\u2066\u200b\ufeff\u2028\x85\x9b]", text(ndr))


def test_65_a_reply_in_another_script_stays_readable_in_the_text() -> None:
    ndr = compose(failed(diagnostic="550 \u90ae\u7bb1\u5df2\u6ee1"))
    assert blocks(ndr)[1]["Diagnostic-Code"] == "smtp; 550 ????"
    assert "550 \u90ae\u7bb1\u5df2\u6ee1" in text(ndr)


def test_66_the_last_attempt_is_shown_only_when_known() -> None:
    assert block()["Last-Attempt-Date"] == "Sat, 21 Nov 2026 00:10:12 +0000"
    assert block(last_attempt_at=None)["Last-Attempt-Date"] is None
    assert block()["Will-Retry-Until"] is None


def test_67_the_final_log_id_names_message_and_entry() -> None:
    assert block()["Final-Log-ID"] == "00000007-3"


def test_68_confidential_notifications_name_no_server_no_log_and_no_extension() -> None:
    ndr = compose(failed(original_recipient="bad"), message=bounced(envelope_id="="), confidential=True)
    names = {name for each in blocks(ndr) for name in each}
    assert not {name for name in names if name.startswith(("Remote-", "Received-From", "Final-Log", "X-"))}
    assert "mx.remote.test" not in text(ndr)


@pytest.mark.parametrize("diagnostic", [None, "", "  \r\n", "\x00", "\u200b"])
@pytest.mark.parametrize("smtp_status", [None, 0, 550])
def test_69_a_diagnostic_code_is_never_empty(diagnostic: str | None, smtp_status: int | None) -> None:
    value = block(diagnostic=diagnostic, smtp_status=smtp_status)["Diagnostic-Code"]
    assert value.startswith("X-Mailroom; ")
    assert "no further detail was recorded" in value
    assert ("550" in value) == (smtp_status == 550)


@pytest.mark.parametrize("count", [1, 2, 100, 1000])
def test_70_any_number_of_recipients_has_one_block_each(count: int) -> None:
    ndr = compose(*(failed(entry_id=n, recipient=f"user{n}@remote.test") for n in range(count)))
    assert [each["Final-Recipient"] for each in blocks(ndr)[1:]] == [
        f"rfc822; user{n}@remote.test" for n in range(count)
    ]


@pytest.mark.parametrize("given", ["", "5", "2.0.0", "5.1.1\r\nX: y"])
def test_60_a_fallback_that_is_no_status_code_is_refused(given: str) -> None:
    with pytest.raises(NdrIdentityError, match="ndr_status"):
        compose(fallback_status=given)


def test_a_reply_of_many_lines_is_cut() -> None:
    assert len(reply.outcome(failed(diagnostic="550-x\r\n" * 100)).lines) == reply.MAX_REPLY_LINES
