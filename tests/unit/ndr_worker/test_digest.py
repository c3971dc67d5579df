"""The digest in place of NDRs past a sender's budget."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.ndr_worker.composition import verify
from services.ndr_worker.composition.compose import ComposedNdr, Composer
from services.ndr_worker.composition.digest import LISTED, Digest, HeldNdr
from tests.unit.ndr_worker.builders import IDENTITY, NOW, parse

DIGEST_ID = UUID("87654321-90ab-cdef-1234-567890abcdef")


def held(count: int, **changes: object) -> tuple[HeldNdr, ...]:
    values = {"status": "5.1.1", "diagnostic": "550 5.1.1 No such user", "bounced_at": NOW, **changes}
    return tuple(
        HeldNdr(message_id=n // 2, recipient=f"user{n}@remote.test", **values)  # type: ignore[arg-type]
        for n in range(count)
    )


def digest(*entries: HeldNdr, sender: str = "alice@sender.test", **identity: Any) -> ComposedNdr:
    made = Digest(DIGEST_ID, sender, NOW - timedelta(hours=1), NOW, entries)
    return Composer(replace(IDENTITY, **identity)).compose_digest(made, NOW)


def words(ndr: ComposedNdr) -> str:
    content = parse(ndr).get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode(str(parse(ndr).get_content_charset()))


def test_a_digest_goes_to_the_sender_and_says_that_a_machine_wrote_it() -> None:
    ndr = digest(*held(3))
    message = parse(ndr)
    assert ndr.mail_id == f"digest.{DIGEST_ID}"
    assert ndr.rcpt_to == message["To"] == "alice@sender.test"
    assert message["Message-ID"] == f"<digest.{DIGEST_ID}@mx1.mail.example.com>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Subject"] == "Delivery Failure Summary"
    assert verify.line_defect(ndr.message) is None
    assert not message.defects


def test_71_a_digest_describes_several_messages_so_it_is_no_delivery_status_notification() -> None:
    ndr = digest(*held(3))
    assert parse(ndr).get_content_type() == "text/plain"
    assert b"multipart/report" not in ndr.message


def test_a_digest_counts_messages_and_recipients() -> None:
    text = words(digest(*held(5)))
    assert "Messages concerned: 3. Recipients not reached: 5." in text
    assert "more, which are not listed" not in text
    assert text.count("550 5.1.1 No such user") == 5


@pytest.mark.parametrize("beyond", [0, 1, 400])
def test_a_digest_lists_a_hundred_and_counts_the_rest(beyond: int) -> None:
    text = words(digest(*held(LISTED + beyond)))
    assert text.count("@remote.test") == 100
    assert (f"And {beyond} more" in text) is (beyond > 0)


@pytest.mark.parametrize(
    "hostile", ["550 a\r\nBcc: eve@x.test", "\0\x1b[1m", "x" * 100_000, "\u202e\ud800", None]
)
def test_24_nothing_a_digest_lists_adds_a_line_of_its_own(hostile: str | None) -> None:
    entry = HeldNdr(1, f"bob{hostile}", f"{hostile}", hostile, NOW)
    ndr = digest(entry)
    assert verify.line_defect(ndr.message) is None
    assert ndr.message.isascii()
    assert "\r\nBcc" not in words(ndr)


def test_a_digest_follows_the_redirect_and_keeps_the_sender() -> None:
    ndr = digest(*held(1), redirect="abuse@example.com")
    assert ndr.rcpt_to == "abuse@example.com"
    assert parse(ndr)["X-Mailroom-Original-Return-Path"] == "<alice@sender.test>"


def test_a_digest_is_written_in_the_readers_language() -> None:
    ndr = digest(*held(101), sender="a@b.fr", languages={".fr": "fr"})
    assert parse(ndr)["Content-Language"] == "fr"
    assert "Destinataires non atteints : 101." in words(ndr)
    assert "énumérés ici : 1" in words(ndr)
