import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mail_relay.envelope import (
    crlf_lines,
    envelope_commands,
    ledger_name,
    malformed,
    text_blocks,
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
    assert envelope_commands(mail(), ["ann@example.org"], 70, EVERYTHING - {"size", "dsn"}) == [
        b"MAIL FROM:<reports@example.com>\r\n",
        b"RCPT TO:<ann@example.org>\r\n",
    ]
    assert envelope_commands(mail(body="8bitmime", smtputf8=True), ["ann@example.org"], 70, EVERYTHING) == [
        b"MAIL FROM:<reports@example.com> SIZE=70 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=mail-1\r\n",
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


@pytest.mark.parametrize(
    ("mail_id", "envid"),
    [
        ("m-1", b" ENVID=m-1"),
        ("a+b=c", b" ENVID=a+2Bb+3Dc"),
        ("m" * 100, b" ENVID=" + b"m" * 100),
        ("m" * 101, b""),
    ],
)
def test_a_mail_id_is_the_envelope_id_if_servers_take_it(mail_id: str, envid: bytes) -> None:
    (command, _) = envelope_commands(mail(mail_id=mail_id), ["a@b.example"], 1, frozenset({"dsn"}))
    assert command == b"MAIL FROM:<reports@example.com> RET=HDRS" + envid + b"\r\n"


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200))
def test_every_envelope_id_is_xtext_and_says_the_mail_id(mail_id: str) -> None:
    (command, _) = envelope_commands(mail(mail_id=mail_id), ["a@b.example"], 1, frozenset({"dsn"}))
    if found := re.search(rb" ENVID=((?:[!-*,-<>-~]|\+[0-9A-F]{2})+)\r\n", command):
        decoded = re.sub(rb"\+(..)", lambda match: bytes.fromhex(match[1].decode()), found[1])
        assert decoded == mail_id.encode()
    else:
        assert len(mail_id) + 2 * len(re.findall("[+=]", mail_id)) > 100


def _as_received(text: bytes) -> bytes:
    """What a server makes of the octets behind DATA (RFC 5321 section 4.5.2)."""
    lines = text.split(b"\r\n")
    end = lines.index(b".")
    assert lines[end + 1 :] == [b""], "commands would follow"
    return b"".join((line[1:] if line.startswith(b".") else line) + b"\r\n" for line in lines[:end])


@given(st.lists(st.binary(max_size=6).map(lambda line: re.sub(rb"[\r\n]", b".", line)), min_size=1))
def test_a_message_survives_byte_for_byte(lines: list[bytes]) -> None:
    message = b"".join(line + b"\r\n" for line in lines)
    assert _as_received(b"".join(text_blocks(message))) == message


@given(st.lists(st.binary(max_size=6).map(lambda line: re.sub(rb"[\r\n]", b".", line))))
def test_a_message_of_crlf_lines_is_left_as_it_is(lines: list[bytes]) -> None:
    message = b"\r\n".join(lines)
    assert crlf_lines(message) is message


@pytest.mark.parametrize("message", [b"a\n.\r\nb", b"a\r.\rb", b"a\n.\nb\r\n", b"a\r\r\n.b"])
def test_a_stray_line_end_is_one_like_all_others(message: bytes) -> None:
    assert crlf_lines(message) == b"\r\n".join(re.split(rb"\r\n|\r|\n", message))


@given(st.text(alphabet=".\r\na", max_size=30).map(str.encode) | st.binary(max_size=60))
def test_no_message_ends_before_its_end_and_no_command_follows(message: bytes) -> None:
    message = crlf_lines(message)
    text = b"".join(text_blocks(message))
    assert _as_received(text) in (message, message + b"\r\n")
    # nor for a server that takes a CR or an LF alone for the end of a line
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", text)
    assert [end.end() for end in re.finditer(rb"^\.\r?$", text, re.MULTILINE)] == [len(text) - 1]


@given(st.text(alphabet=".\r\na", max_size=30).map(str.encode), st.integers(1, 8))
def test_where_a_message_is_cut_makes_no_difference(message: bytes, length: int) -> None:
    message = crlf_lines(message)
    assert b"".join(text_blocks(message, length)) == b"".join(text_blocks(message))


def test_no_block_is_much_longer_than_asked() -> None:
    blocks = list(text_blocks(b".\r\n" * 1000, 30))
    assert max(map(len, blocks)) <= 2 * 30
    assert len(blocks) > 50
