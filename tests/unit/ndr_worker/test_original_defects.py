"""What the original got wrong and composition or policy must get right (its defects S1-S10)."""

from typing import Any

import pytest

from services.ndr_worker.composition.compose import Composer
from services.ndr_worker.composition.identity import NdrIdentity, identity
from services.ndr_worker.policy import PolicySettings, decide
from shared.settings import Settings
from shared.settings.ndr import NdrSettings
from tests.unit.ndr_worker.builders import (
    IDENTITY,
    NOW,
    ORIGINAL,
    blocks,
    bounced,
    compose,
    failed,
    notified,
    parse,
    part,
    returned_octets,
)


def test_s2_a_null_sender_entry_reports_nobody_whatever_stands_beside_it() -> None:
    mine, other = failed(), failed(entry_id=9, recipient="secret-victim@third.test")
    assert decide(bounced(sender=""), [other], PolicySettings()).reported == ()
    assert b"third.test" not in compose(*decide(bounced(), [mine], PolicySettings()).reported).message


def test_s3_the_closing_delimiter_is_written() -> None:
    ndr = compose()
    assert ndr.message.endswith(f"\r\n--{parse(ndr).get_boundary()}--\r\n".encode())


def test_s5_composing_again_keeps_identity_and_diagnostics() -> None:
    first, again = compose(), compose()
    assert (first.mail_id, first.message) == (again.mail_id, again.message)
    assert b"550 5.1.1 No such user" in again.message


@pytest.mark.parametrize("limit", [0, 10, 100, 4096, 102_400])
def test_s6_attachmsg_is_a_hard_cap_and_a_cut_is_declared(limit: int) -> None:
    content = ORIGINAL + b"x" * 70 + b"\r\n" + b"line\r\n" * 40_000
    ndr = compose(message=bounced(content), attach_limit=limit)
    if len(ndr.message.split(b"\r\n--=_")) == 5:
        assert len(returned_octets(ndr)) <= limit
        assert part(ndr, 3).get_content_type() == "text/rfc822-headers"
        assert part(ndr, 3)["X-Mailroom-Truncated"]
    else:
        assert limit < 100


def test_s7_the_message_id_has_angle_brackets() -> None:
    assert str(parse(compose())["Message-ID"]).startswith("<ndr.")
    assert str(parse(compose())["Message-ID"]).endswith("@mx1.mail.example.com>")


def test_s9_a_percent_sign_is_no_source_route() -> None:
    assert compose(message=bounced(sender="user@dom%ain.test")).rcpt_to == "user@dom%ain.test"
    assert compose(message=bounced(sender="a%b@c.test")).rcpt_to == "a%b@c.test"


def test_the_boundary_is_short_however_long_the_host_name() -> None:
    boundary = parse(compose(announce_mta="m" * 60 + ".example.com")).get_boundary()
    assert boundary
    assert len(boundary) <= 70


def test_there_is_no_return_path_header() -> None:
    assert parse(compose())["Return-Path"] is None


def settings(**ndr: Any) -> Settings:
    return Settings(host_name="mx1.mail.example.com", ndr=NdrSettings(**ndr))


def test_s1_the_sink_keeps_no_copy_from_its_recipient() -> None:
    sink = identity(settings(ndr_recip_redirect="."))
    assert sink.redirect is None
    copy = Composer(sink).compose(notified(), NOW, copy_to="audit@example.com")
    assert copy.rcpt_to == "audit@example.com"


def test_s4_what_was_composed_can_be_composed_again_after_a_failure() -> None:
    notification = notified()
    assert Composer(IDENTITY).compose(notification, NOW) == Composer(IDENTITY).compose(notification, NOW)


def test_s7_sysname_is_expanded_in_announcemta() -> None:
    ndr = Composer(identity(settings(announcemta="out.%SYSNAME%"))).compose(notified(), NOW)
    assert blocks(ndr)[0]["Reporting-MTA"] == "dns; out.mx1.mail.example.com"


def test_s8_a_short_diagnostic_has_no_tail_of_an_earlier_one() -> None:
    compose(failed(diagnostic="450 4.7.1 Greylisting in action, please come back later"))
    assert blocks(compose(failed(diagnostic="550 No")))[1]["Diagnostic-Code"] == "smtp; 550 No"


def test_everything_composition_needs_comes_from_the_settings() -> None:
    made = identity(
        settings(
            ndr_from="help@example.com",
            ndr_subject="Nope",
            ndr_textpart="Hello",
            attachmsg="1K",
            ndr_status="5.3.0",
            statuszero=451,
            eight_bit="Y",
            confidential="Y",
            html="Y",
            language="de",
            languages={".fr": "fr"},
            ndr_recip_redirect="abuse@example.com",
        )
    )
    assert made == NdrIdentity(
        announce_mta="mx1.mail.example.com",
        from_address="help@example.com",
        subject="Nope",
        text_part="Hello",
        attach_limit=1024,
        fallback_status="5.3.0",
        assumed_smtp_status=451,
        redirect="abuse@example.com",
        eight_bit=True,
        confidential=True,
        language="de",
        languages={".fr": "fr"},
        html=True,
    )
