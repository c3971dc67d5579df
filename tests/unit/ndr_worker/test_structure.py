"""The MIME structure and the returned original: checklist 4.4."""

import pytest

from services.ndr_worker.composition import verify
from services.ndr_worker.composition.compose import ComposedNdr
from tests.unit.ndr_worker.builders import (
    NDR_ID,
    ORIGINAL,
    bounced,
    compose,
    content_types,
    failed,
    parse,
    part,
    returned_octets,
    text,
)

FULL = ["text/plain", "message/delivery-status", "message/rfc822"]
HEADER = ["text/plain", "message/delivery-status", "text/rfc822-headers"]
NOTHING = ["text/plain", "message/delivery-status"]
LARGE = ORIGINAL + b"All work and no play.\r\n" * 500


def test_28_it_is_a_multipart_report_with_a_quoted_boundary() -> None:
    ndr = compose()
    message = parse(ndr)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    boundary = message.get_boundary()
    assert boundary
    assert len(boundary) <= 70
    assert f'boundary="{boundary}"\r\n'.encode() in ndr.message


def test_29_the_parts_stand_in_order() -> None:
    assert content_types(compose()) == FULL


def test_30_the_boundary_occurs_in_no_part_even_if_the_original_holds_the_last_three() -> None:
    used = b"".join(f"--=_ndr.{NDR_ID}_{n}\r\n".encode() for n in range(3))
    ndr = compose(message=bounced(ORIGINAL + used))
    assert str(parse(ndr).get_boundary()).endswith("_3")
    assert content_types(ndr) == FULL
    assert returned_octets(ndr) == ORIGINAL + used


def test_an_original_that_carries_a_status_report_of_its_own_comes_back_as_its_header_alone() -> None:
    fake = (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=fake\r\n\r\n"
        b"--fake\r\nContent-Type: Message/Delivery-Status\r\n\r\n"
        b"Final-Recipient: rfc822; victim@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--fake--\r\n"
    )
    ndr = compose(message=bounced(ORIGINAL.partition(b"\r\n\r\n")[0] + b"\r\n" + fake))
    assert content_types(ndr) == HEADER
    assert b"victim@example.com" not in ndr.message


def test_30_a_diagnostic_cannot_hold_the_boundary() -> None:
    ndr = compose(failed(diagnostic=f"550 no\r\n--=_ndr.{NDR_ID}_0--\r\n"))
    assert content_types(ndr) == FULL


@pytest.mark.parametrize(
    "ndr",
    [
        compose(message=bounced(b"")),
        compose(failed(diagnostic=None, smtp_status=None)),
        compose(message=bounced(LARGE)),
        compose(attach_limit=0),
        compose(message=bounced(b"\0\xff no header")),
    ],
    ids=["no original", "no diagnostic", "too large", "limit 0", "no header"],
)
def test_31_the_closing_delimiter_is_always_there(ndr: ComposedNdr) -> None:
    assert ndr.message.endswith(f"\r\n--{parse(ndr).get_boundary()}--\r\n".encode())
    assert not parse(ndr).defects
    assert verify.defects(ndr.message, 1) is None


@pytest.mark.parametrize("eight_bit", [False, True])
def test_32_composite_parts_are_never_encoded(*, eight_bit: bool) -> None:
    ndr = compose(message=bounced(ORIGINAL + b"\xe9\r\n"), eight_bit=eight_bit, text_part="Grüezi")
    for each in (parse(ndr), part(ndr, 2), part(ndr, 3)):
        assert each.get("Content-Transfer-Encoding", "7bit") in ("7bit", "8bit")


def test_33_the_status_part_is_seven_bit_without_parameters() -> None:
    ndr = compose(failed(recipient="j\u00f6rg@remote.test", diagnostic="550 gr\u00fcezi"))
    assert b"\r\nContent-Type: message/delivery-status\r\n\r\n" in ndr.message
    assert part(ndr, 2).as_bytes().isascii()
    assert part(ndr, 2)["Content-Transfer-Encoding"] is None


def test_34_a_header_only_return_has_every_field_up_to_the_empty_line() -> None:
    ndr = compose(message=bounced(ret="HDRS"))
    assert content_types(ndr) == HEADER
    assert returned_octets(ndr) == ORIGINAL.split(b"\r\n\r\n")[0] + b"\r\n"


@pytest.mark.parametrize("ret", [None, "FULL"])
def test_35_36_the_full_message_is_returned_when_it_fits(ret: str | None) -> None:
    ndr = compose(message=bounced(ret=ret))
    assert content_types(ndr) == FULL
    assert returned_octets(ndr) == ORIGINAL


@pytest.mark.parametrize("ret", ["HDRS", "hdrs"])
def test_36_ret_hdrs_returns_the_header_only(ret: str) -> None:
    ndr = compose(message=bounced(ret=ret))
    assert content_types(ndr) == HEADER
    assert b"X-Mailroom-Truncated" not in ndr.message


@pytest.mark.parametrize("ret", [None, "FULL", "HDRS"])
@pytest.mark.parametrize("limit", [1, 80, 100, 150, 160, 200, 4096])
def test_37_the_limit_is_hard_and_cuts_between_fields(limit: int, ret: str | None) -> None:
    ndr = compose(message=bounced(LARGE, ret=ret), attach_limit=limit)
    if content_types(ndr) == NOTHING:
        assert limit < ORIGINAL.index(b"From:")
        assert "no header that could be returned" in text(ndr)
        return
    octets = returned_octets(ndr)
    header = ORIGINAL.split(b"\r\n\r\n")[0] + b"\r\n"
    assert len(octets) <= limit
    assert header.startswith(octets)
    assert octets.endswith(b"\r\n")
    if octets != header:
        assert part(ndr, 3)["X-Mailroom-Truncated"] == f"{len(octets)} of {len(LARGE)} octets"


def test_37_no_cut_inside_a_folded_field() -> None:
    content = b"Subject: a\r\nX-Long: one\r\n\ttwo\r\n three\r\nFrom: x@y.test\r\n\r\n"
    for limit in range(1, len(content)):
        ndr = compose(message=bounced(content), attach_limit=limit)
        if len(content_types(ndr)) == 3:
            assert returned_octets(ndr) in (
                b"Subject: a\r\n",
                b"Subject: a\r\nX-Long: one\r\n\ttwo\r\n three\r\n",
                content.removesuffix(b"\r\n"),
            )


def test_37_a_field_the_prefix_ends_in_is_left_out() -> None:
    content = b"Subject: a\r\nX-Long: one\r\n\ttwo\r\n\r\nbody\r\n"
    for read in range(1, content.index(b"\r\n\r\n") + 2):
        ndr = compose(message=bounced(content[:read], content_size=9999))
        if len(content_types(ndr)) == 3:
            assert returned_octets(ndr) == b"Subject: a\r\n"


def test_38_a_fragment_is_never_a_message_and_says_so() -> None:
    ndr = compose(message=bounced(LARGE[:4096], content_size=len(LARGE)))
    assert content_types(ndr) == HEADER
    assert b"no play" not in ndr.message
    assert f"of {len(LARGE)} octets" in part(ndr, 3)["Content-Description"]
    assert f"of {len(LARGE)} octets" in text(ndr)
    assert "body of your message is not returned" in text(ndr)


def test_38_a_prefix_that_fits_is_still_no_message() -> None:
    assert content_types(compose(message=bounced(ORIGINAL, content_size=len(ORIGINAL) + 1))) == HEADER


def test_39_an_eight_bit_body_is_returned_where_the_route_allows_it() -> None:
    content = ORIGINAL + "gr\u00fcezi\r\n".encode()
    ndr = compose(message=bounced(content), eight_bit=True)
    assert ndr.eight_bit
    assert returned_octets(ndr) == content
    assert parse(ndr)["Content-Transfer-Encoding"] == part(ndr, 3)["Content-Transfer-Encoding"] == "8bit"


@pytest.mark.parametrize("eight_bit", [False, True])
@pytest.mark.parametrize("octets", [b"\xe9", "\u00e9".encode(), b"\xff\xfe"])
def test_39_eight_bit_header_octets_come_back_as_question_marks(octets: bytes, *, eight_bit: bool) -> None:
    ndr = compose(message=bounced(ORIGINAL.replace(b"hello", octets)), eight_bit=eight_bit)
    assert content_types(ndr) == HEADER
    assert ndr.message.isascii()
    assert b"Subject: " + b"?" * len(octets) + b"\r\n" in returned_octets(ndr)


@pytest.mark.parametrize("body", [b"\xe9\r\n", b"\xff\xfe\x80", "\u65e5\r\n".encode()])
def test_39_an_eight_bit_body_on_a_seven_bit_route_returns_the_header(body: bytes) -> None:
    ndr = compose(message=bounced(ORIGINAL + body))
    assert content_types(ndr) == HEADER
    assert ndr.message.isascii()
    assert not ndr.eight_bit


def test_40_a_message_without_from_subject_and_date_is_no_message_part() -> None:
    assert content_types(compose(message=bounced(b"X-A: b\r\n\r\nbody\r\n"))) == HEADER
    assert content_types(compose(message=bounced(b"just a body\r\n\r\nFrom: x\r\n"))) == NOTHING


@pytest.mark.parametrize("content", [b"", b"\r\n\r\nbody\r\n"])
def test_41_without_an_original_the_report_has_two_parts_and_says_so(content: bytes) -> None:
    ndr = compose(message=bounced(content, content_size=500))
    assert content_types(ndr) == NOTHING
    assert "no longer available" in text(ndr) or "no header" in text(ndr)


@pytest.mark.parametrize(
    "content",
    [
        ORIGINAL + b"x" * 999 + b"\r\n",
        b"Subject: " + b"word " * 400 + b"\r\n\r\nbody\r\n",
        b"Subject: " + b"x" * 3000 + b"\r\n\r\nbody\r\n",
        b"Subject: a\r\n" + b" " * 1500 + b"\r\n\r\nbody\r\n",
    ],
)
def test_42_no_line_is_longer_than_998(content: bytes) -> None:
    ndr = compose(message=bounced(content))
    assert content_types(ndr) == HEADER
    assert max(map(len, ndr.message.split(b"\r\n"))) <= 998
    assert b"Subject" in returned_octets(ndr)


def test_42_a_line_of_998_is_returned() -> None:
    assert content_types(compose(message=bounced(ORIGINAL + b"x" * 998 + b"\r\n"))) == FULL


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_43_bare_line_ends_and_nul_are_neutralised(line_end: bytes) -> None:
    content = (ORIGINAL + b"nul\0\r\n").replace(b"\r\n", line_end)
    ndr = compose(message=bounced(content))
    assert content_types(ndr) == FULL
    assert returned_octets(ndr) == ORIGINAL + b"nul?\r\n"
    assert verify.defects(ndr.message, 1) is None


def test_43_iso_2022_bodies_keep_their_escapes() -> None:
    content = ORIGINAL + b"\x1b$B8+\x1b(B\r\n"
    assert returned_octets(compose(message=bounced(content))) == content


def test_44_the_text_stands_on_its_own() -> None:
    ndr = compose(
        failed(attempts=3),
        failed(entry_id=4, recipient="carol@remote.test", smtp_status=451, diagnostic="451 try later"),
    )
    words = " ".join(text(ndr).split())
    for expected in (
        "This is the Mailroom mailserver at mx1.mail.example.com.",
        "bob@remote.test",
        "There is no such address. (5.1.1)",
        "3 attempts",
        "The mail server mx.remote.test said:",
        "550 5.1.1 No such user",
        "carol@remote.test",
        "(4.4.7)",
        "Sending the same message again will not help",
        "You may send the message again later.",
        "No further attempt",
        "postmaster@mail.example.com",
    ):
        assert expected in words


@pytest.mark.parametrize(
    ("wording", "charset"), [(None, "us-ascii"), ("Nicht zugestellt", "us-ascii"), ("Gr\u00fcezi", "utf-8")]
)
def test_44_the_charset_is_truthful(wording: str | None, charset: str) -> None:
    ndr = compose(text_part=wording)
    assert part(ndr, 1).get_content_charset() == charset
    assert wording is None or wording in text(ndr)
    assert ndr.message.isascii()


def test_44_the_settings_may_word_the_opening() -> None:
    words = text(
        compose(text_part="The %PRODNAME% at %REPMTA%\nhas news, %SUBJ%.", product_name="Post Office")
    )
    assert words.startswith("The Post Office at mx1.mail.example.com\r\nhas news, %SUBJ%.\r\n")
    assert "bob@remote.test" in words


def test_the_third_part_names_its_type_without_parameters() -> None:
    assert b"\r\nContent-Type: message/rfc822\r\n\r\n" in compose().message
