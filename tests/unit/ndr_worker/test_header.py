"""The message's header: checklist 4.3, and what of 4.2 composition decides."""

import locale
import re
from datetime import UTC, datetime, timedelta, timezone
from email.header import decode_header, make_header

import pytest

from services.ndr_worker.composition.fields import date_time
from services.ndr_worker.composition.header import NdrIdentityError
from tests.unit.ndr_worker.builders import NOW, ORIGINAL, bounced, compose, parse


def test_16_there_is_one_envelope_recipient() -> None:
    assert compose().rcpt_to == "alice@sender.test"


def test_19_a_message_that_required_tls_is_treated_as_ret_hdrs() -> None:
    ndr = compose(message=bounced(requiretls=True, ret="FULL"))
    assert b"Content-Type: text/rfc822-headers\r\n" in ndr.message
    assert b"see you" not in ndr.message


def test_21_each_identifying_field_stands_once() -> None:
    message = parse(compose())
    for name in (
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "MIME-Version",
        "Content-Type",
        "Auto-Submitted",
    ):
        assert len(message.get_all(name, [])) == 1, name
    assert message["MIME-Version"] == "1.0"
    assert message["Message-ID"] == "<ndr.12345678-90ab-cdef-1234-567890abcdef@mx1.mail.example.com>"


def test_21_composing_twice_gives_the_same_bytes() -> None:
    assert compose() == compose()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("postmaster@example.com", ""),
        ("Mail System <postmaster@example.com>", "Mail System"),
        ('"Mail, System" <postmaster@example.com>', "Mail, System"),
        ("Mail, System <postmaster@example.com>", "Mail, System"),
        ("Poststelle für Zürich <postmaster@example.com>", "Poststelle für Zürich"),
        ("郵便" * 40 + " <postmaster@example.com>", "郵便" * 40),
    ],
)
def test_22_from_is_an_address_with_an_encoded_name(given: str, name: str) -> None:
    ndr = compose(from_address=given)
    header = ndr.message.split(b"\r\n\r\n")[0].decode("ascii")
    value = str(make_header(decode_header(str(parse(ndr)["From"]))))
    assert value.replace("\r\n", "").replace('"', "").strip() in (
        f"{name} <postmaster@example.com>",
        "postmaster@example.com" if not name else "",
    )
    assert all(len(word) <= 75 for word in re.findall(r"=\?.*?\?=", header))


@pytest.mark.parametrize(
    "given", ["", "postmaster", "a@b\r\nBcc: x@y", "Name <a b@c>", "j\u00f6rg@example.com"]
)
def test_22_a_from_that_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(NdrIdentityError, match="ndr_from"):
        compose(from_address=given)


def test_23_it_says_that_a_machine_replied() -> None:
    assert parse(compose())["Auto-Submitted"] == "auto-replied"


@pytest.mark.parametrize(
    "subject",
    [
        "a\r\nBcc: eve@x.test",
        "nul\x00",
        "x" * 10_000,
        "lone \ud800",
        "=?utf-8?B?" + "Qk9NQg==" * 500,
        "Ünzustellbar " * 30,
    ],
)
def test_24_no_subject_adds_a_field_or_a_long_line(subject: str) -> None:
    message = compose(subject=subject).message
    header = message.split(b"\r\n\r\n")[0]
    assert header.isascii()
    assert max(map(len, header.split(b"\r\n"))) <= 998
    assert b"\r\nBcc:" not in message
    assert b"\0" not in message


def test_24_ordinary_header_lines_are_at_most_78_long() -> None:
    header = compose(subject="word " * 60).message.split(b"\r\n\r\n")[0]
    assert max(map(len, header.split(b"\r\n"))) <= 78


def test_25_the_original_message_id_is_referred_to() -> None:
    message = parse(compose())
    assert message["In-Reply-To"] == message["References"] == "<abc.123@sender.test>"


@pytest.mark.parametrize(
    "field",
    [
        b"",
        b"Message-ID: abc@sender.test\r\n",
        b"Message-ID: <abc>\r\n",
        b"Message-ID: <a b@sender.test>\r\n",
        b"Message-ID: <a@b.test> <c@d.test>\r\n",
        b"Message-ID: <a@b.test>\r\nMessage-Id: <c@d.test>\r\n",
        b"Message-ID: <\xff@b.test>\r\n",
        b"Message-ID: <" + b"a" * 2000 + b"@b.test>\r\n",
    ],
)
def test_25_a_missing_invalid_or_repeated_message_id_is_not(field: bytes) -> None:
    message = parse(compose(message=bounced(field + b"Subject: x\r\n\r\nMessage-ID: <body@b.test>\r\n")))
    assert message["In-Reply-To"] is None
    assert message["References"] is None


def test_25_a_folded_message_id_is_read() -> None:
    message = parse(compose(message=bounced(b"MESSAGE-ID:\r\n <A@b.test>\r\nMessage-ID-Hash: x\r\n\r\n")))
    assert message["In-Reply-To"] == "<A@b.test>"


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (NOW, "Sat, 21 Nov 2026 00:10:12 +0000"),
        (datetime(2009, 7, 5, 14, 3, 2, 5, timezone(timedelta(hours=1))), "Sun, 05 Jul 2009 14:03:02 +0100"),
        (
            datetime(2026, 1, 1, tzinfo=timezone(-timedelta(hours=3, minutes=30))),
            "Thu, 01 Jan 2026 00:00:00 -0330",
        ),
        (datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None), "Thu, 01 Jan 2026 00:00:00 +0000"),
    ],
)
def test_26_dates_have_english_names_and_numeric_zones(moment: datetime, written: str) -> None:
    assert date_time(moment) == written


def test_26_the_locale_changes_no_date(monkeypatch: pytest.MonkeyPatch) -> None:
    available = next((name for name in ("de_DE.utf8", "fr_FR.utf8", "C") if _has_locale(name)), "C")
    previous = locale.setlocale(locale.LC_TIME)
    monkeypatch.setenv("LC_ALL", available)
    locale.setlocale(locale.LC_TIME, available)
    try:
        assert parse(compose())["Date"] == "Sat, 21 Nov 2026 00:10:12 +0000"
    finally:
        locale.setlocale(locale.LC_TIME, previous)


def _has_locale(name: str) -> bool:
    previous = locale.setlocale(locale.LC_TIME)
    try:
        locale.setlocale(locale.LC_TIME, name)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_TIME, previous)
    return True


def test_27_a_non_ascii_sender_changes_only_the_address() -> None:
    plain, utf8 = compose(), compose(message=bounced(sender="j\u00f6rg@sender.test"))
    assert parse(plain).keys() == parse(utf8).keys()
    assert (plain.smtputf8, utf8.smtputf8) == (False, True)


def test_smtputf8_originals_do_not_need_smtputf8_notifications() -> None:
    assert not compose(
        message=bounced(ORIGINAL.replace(b"hello", "h\u00e9llo".encode()), smtputf8=True)
    ).smtputf8
