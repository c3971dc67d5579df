"""The per-message fields of the delivery status: checklist 4.5."""

import pytest

from services.ndr_worker.composition.header import NdrIdentityError
from tests.unit.ndr_worker.builders import blocks, bounced, compose, failed, part


@pytest.mark.parametrize(
    ("announced", "field"),
    [
        ("mx1.example.com", "dns; mx1.example.com"),
        ("[192.0.2.1]", "dns; [192.0.2.1]"),
        ("mailhost", "x-local-hostname; mailhost"),
        ("post.z\u00fcrich.example", "dns; post.xn--zrich-kva.example"),
    ],
)
def test_46_the_reporting_mta_has_the_type_its_name_allows(announced: str, field: str) -> None:
    assert blocks(compose(announce_mta=announced))[0]["Reporting-MTA"] == field


@pytest.mark.parametrize("announced", ["", "a b", "mx\r\nX: y", "mx>1", "\u200b"])
def test_46_a_name_that_is_none_is_refused(announced: str) -> None:
    with pytest.raises(NdrIdentityError, match="announcemta"):
        compose(announce_mta=announced)


@pytest.mark.parametrize(
    ("envid", "decoded"),
    [("QQ314159", "QQ314159"), ("a+2Bb+3Dc", "a+b=c"), ("MixedCase", "MixedCase"), ("a+20b", "a b")],
)
def test_47_the_envelope_id_is_xtext_decoded(envid: str, decoded: str) -> None:
    assert blocks(compose(message=bounced(envelope_id=envid)))[0]["Original-Envelope-Id"] == decoded


def test_47_no_envelope_id_was_given_none_is_shown() -> None:
    assert blocks(compose())[0]["Original-Envelope-Id"] is None


@pytest.mark.parametrize("envid", ["a=b", "a+2", "a+2b", "a+zz", "a b", "+"])
def test_47_invalid_xtext_is_left_out_with_a_note(envid: str) -> None:
    block = blocks(compose(message=bounced(envelope_id=envid)))[0]
    assert block["Original-Envelope-Id"] is None
    assert "not valid" in block["X-Mailroom-Original-Envelope-Id"]


@pytest.mark.parametrize("envid", ["a+0D+0AFinal-Recipient:+20x", "a+00", "+C3+A9", "a\r\nX: y", "+20"])
def test_48_an_envelope_id_of_controls_or_8_bit_is_left_out(envid: str) -> None:
    ndr = compose(message=bounced(envelope_id=envid))
    assert blocks(ndr)[0]["Original-Envelope-Id"] is None
    assert len(blocks(ndr)) == 2


@pytest.mark.parametrize(
    ("helo", "ip", "field"),
    [
        ("a.example.com", "192.0.2.7", "dns; a.example.com (192.0.2.7)"),
        ("a.example.com", None, "dns; a.example.com"),
        (None, "192.0.2.7", "dns; [192.0.2.7]"),
        (None, "2001:db8::1", "dns; [IPv6:2001:db8::1]"),
        ("evil)\r\nX: (", "192.0.2.7", "dns; evil???X:?? (192.0.2.7)"),
        (None, None, None),
    ],
)
def test_49_the_mta_it_came_from_is_named_when_known(
    helo: str | None, ip: str | None, field: str | None
) -> None:
    block = blocks(compose(message=bounced(helo=helo, received_from=ip)))[0]
    assert block["Received-From-MTA"] == field
    assert block["DSN-Gateway"] is None


def test_50_the_arrival_date_is_when_we_took_the_message() -> None:
    assert blocks(compose())[0]["Arrival-Date"] == "Sat, 21 Nov 2026 00:10:12 +0000"


def test_51_blocks_are_separated_by_one_empty_line_and_none_is_left_over() -> None:
    ndr = compose(failed(), failed(entry_id=4))
    assert [("Final-Recipient" in block) for block in blocks(ndr)] == [False, True, True]
    raw = ndr.message.split(b"message/delivery-status\r\n\r\n")[1].split(b"\r\n--=_")[0]
    assert raw.count(b"\r\n\r\n") == 2
    assert b"\r\n\r\n\r\n" not in raw
    assert raw.endswith(b"\r\n")


def test_52_each_field_stands_once_and_extensions_carry_our_name() -> None:
    ndr = compose(failed(original_recipient="x"), message=bounced(envelope_id="="))
    for block in blocks(ndr):
        assert len(block.keys()) == len(set(block.keys()))
        extensions = {name for name in block if name.startswith("X-")}
        assert extensions
        assert all(name.startswith("X-Mailroom-") for name in extensions)
    assert part(ndr, 2).get_content_type() == "message/delivery-status"
