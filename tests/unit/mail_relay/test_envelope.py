import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mail_relay.envelope import (
    envelope_commands,
    lacking_extension,
    ledger_name,
    malformed,
    message_text,
)
from tests.unit.mail_relay.mails import mail

EVERYTHING = frozenset({"8bitmime", "smtputf8", "size", "dsn", "pipelining"})


@pytest.mark.parametrize(
    "address",
    [
        "ann@example.org",
        "postmaster",
        "prvs=123=ann@example.org",
        "SRS0=xx=yy=a.example=ann@example.org",
        "..ann..@example.org",
        '"ann smith"@example.org',
        '"a>b \\" c"@example.org',
        "jörg@bücher.example",
        "ann@[192.0.2.1]",
    ],
)
def test_unusual_addresses_are_left_to_the_server(address: str) -> None:
    assert malformed(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann@example.org>\r\nRCPT TO:<eve@example.org",
        "ann@example.org\nDATA",
        "ann@example.org\rDATA",
        "ann@example.org\0",
        "ann@example.org> NOTIFY=SUCCESS",
        "<ann@example.org",
        "ann smith@example.org",
        '"ann@example.org',
        '"ann\r\n"@example.org',
        '"ann\\\r\n"@example.org',
        "ann\u2028@example.org",
        "ann\u00a0@example.org",
        "ann\ufffd@example.org",
        "a" * 257,
        "ü" * 129,
    ],
)
def test_an_address_that_would_break_a_command_is_malformed(address: str) -> None:
    assert malformed(address)


@given(st.text())
def test_a_well_formed_address_leaves_its_command_one_command(address: str) -> None:
    if malformed(address) is None:
        (_, command) = envelope_commands(mail(rcpt_to=(address,)), [address], 1, frozenset())
        outside_quotes = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", command)
        assert re.fullmatch(rb"RCPT TO:<[^<>\s\x00]*>\r\n", outside_quotes)
        assert command.count(b"\r") == command.count(b"\n") == 1


@given(st.text(max_size=600))
def test_what_the_ledger_cannot_keep_never_becomes_well_formed(address: str) -> None:
    name = ledger_name(address)
    assert "\0" not in name
    assert name == address or malformed(name)


def test_commands_use_only_what_the_server_offers_and_the_mail_needs() -> None:
    assert envelope_commands(mail(), ["ann@example.org"], 70, EVERYTHING - {"size"}) == [
        b"MAIL FROM:<reports@example.com>\r\n",
        b"RCPT TO:<ann@example.org>\r\n",
    ]
    assert envelope_commands(mail(body="8bitmime", smtputf8=True), ["ann@example.org"], 70, EVERYTHING) == [
        b"MAIL FROM:<reports@example.com> SIZE=70 BODY=8BITMIME SMTPUTF8\r\n",
        b"RCPT TO:<ann@example.org>\r\n",
    ]
    assert envelope_commands(mail(), ["jörg@example.org"], 70, frozenset({"smtputf8"}))[0].endswith(
        b"> SMTPUTF8\r\n"
    )


def test_nobody_is_notified_of_what_becomes_of_a_notification() -> None:
    notification = mail(kind="ndr", mail_from="")
    assert envelope_commands(notification, ["ann@example.org"], 70, EVERYTHING) == [
        b"MAIL FROM:<> SIZE=70\r\n",
        b"RCPT TO:<ann@example.org> NOTIFY=NEVER\r\n",
    ]
    assert b"NOTIFY" not in envelope_commands(notification, ["a@b.example"], 70, EVERYTHING - {"dsn"})[1]


def test_a_server_without_an_extension_serves_only_those_who_do_not_need_it() -> None:
    assert lacking_extension(mail(body="8bitmime"), "ann@example.org", frozenset({"smtputf8"})) == "8BITMIME"
    assert lacking_extension(mail(smtputf8=True), "ann@example.org", frozenset()) == "SMTPUTF8"
    assert lacking_extension(mail(mail_from="jörg@example.com"), "ann@example.org", frozenset()) == "SMTPUTF8"
    assert lacking_extension(mail(), "jörg@example.org", frozenset()) == "SMTPUTF8"
    assert lacking_extension(mail(), "ann@example.org", frozenset()) is None
    assert lacking_extension(mail(body="8bitmime", smtputf8=True), "jörg@example.org", EVERYTHING) is None


def _as_received(text: bytes) -> bytes:
    """What a server makes of the octets behind DATA (RFC 5321 section 4.5.2)."""
    lines = text.split(b"\r\n")
    end = lines.index(b".")
    assert lines[end + 1 :] == [b""], "commands would follow"
    return b"".join((line[1:] if line.startswith(b".") else line) + b"\r\n" for line in lines[:end])


@given(st.lists(st.text(alphabet=".ax", max_size=4).map(str.encode), min_size=1))
def test_leading_dots_survive_byte_for_byte(lines: list[bytes]) -> None:
    message = b"\r\n".join(lines) + b"\r\n"
    assert _as_received(message_text(message)) == message


@given(st.text(alphabet=".\r\na", max_size=30).map(str.encode))
def test_no_message_ends_before_its_end(message: bytes) -> None:
    text = message_text(message)
    assert not re.search(rb"\n\.\r?\n", text[:-3])
    assert text.endswith(b"\r\n.\r\n")
