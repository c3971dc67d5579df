"""Whatever comes from outside, an NDR is well-formed and reports exactly the recipients put in."""

import string
from email.message import Message

from flufl.bounce import all_failures
from hypothesis import given
from hypothesis import strategies as st

from services.ndr_worker.bounce import Action
from services.ndr_worker.composition import address, verify
from services.ndr_worker.composition.compose import ComposedNdr, Composer
from services.ndr_worker.composition.digest import Digest, HeldNdr
from services.ndr_worker.composition.full_check import full_check
from tests.unit.ndr_worker.builders import (
    IDENTITY,
    NDR_ID,
    NOW,
    ORIGINAL,
    bounced,
    compose,
    content_types,
    failed,
    parse,
    text,
)

HEADER_LIKE = st.lists(
    st.sampled_from(
        [
            b"Subject: x",
            b"From: a@b",
            b"\r\n",
            b"\n",
            b"\r",
            b" folded",
            b"\t",
            b":",
            b"\0",
            b"\xff",
            b"--=_",
            b"x" * 999,
        ]
    )
    | st.binary(max_size=30)
).map(b"".join)
ORIGINALS = st.one_of(st.binary(max_size=300), HEADER_LIKE, HEADER_LIKE.map(ORIGINAL.__add__))
REPLY_LIKE = st.lists(
    st.sampled_from(
        [
            "550 ",
            "550-",
            "451 4.2.2 ",
            "\r\n",
            "\n",
            "\r",
            " ",
            "Final-Recipient: rfc822; v@x.test",
            "\u202e",
            "\x1b[1m",
            "#5.1.1",
            ";",
        ]
    )
    | st.text(max_size=20)
).map("".join)
DIAGNOSTICS = st.none() | REPLY_LIKE | st.text(max_size=300)
LABEL = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
# What flufl.bounce can represent: it cuts an address at an equals sign.
PLAIN_ADDRESS = st.builds(
    "{}@{}.test".format,
    st.from_regex(r"[A-Za-z0-9_+-]{1,20}(\.[A-Za-z0-9_+-]{1,20})?", fullmatch=True),
    LABEL,
)

SENDERS = st.text(max_size=60) | st.text(max_size=40).map("{}@sender.test".format)


def is_well_formed(ndr: ComposedNdr, *recipients: str) -> None:
    message = parse(ndr)
    assert full_check(ndr.message, recipients) is None
    assert not message.defects
    parts = message.get_payload()
    assert isinstance(parts, list)
    assert [each.get_content_type() for each in parts if isinstance(each, Message)][1] in (
        "message/delivery-status",
        "message/global-delivery-status",
    )
    # What is inside a returned message/rfc822 is its sender's own.
    assert not any(each.defects for each in parts if isinstance(each, Message))
    lines = ndr.message.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(octet in line for line in lines for octet in (b"\r", b"\n", b"\0"))
    boundary = f"--{message.get_boundary()}".encode()
    assert ndr.message.count(boundary) == len(parts) + 1
    assert [line for line in lines if line.startswith(boundary)] == [boundary] * len(parts) + [
        boundary + b"--"
    ]
    assert ndr.eight_bit or ndr.smtputf8 or ndr.message.isascii()
    assert ndr.smtputf8 or ndr.message.split(b"\r\n\r\n")[0].isascii()


@given(
    content=ORIGINALS,
    unread=st.sampled_from([0, 0, 1, 10_000]),
    limit=st.sampled_from([0, 1, 50, 300, 4096]),
    ret=st.sampled_from([None, "FULL", "HDRS"]),
    eight_bit=st.booleans(),
)
def test_any_original_gives_a_well_formed_notification(
    content: bytes, unread: int, limit: int, ret: str | None, *, eight_bit: bool
) -> None:
    message = bounced(content, content_size=len(content) + unread, ret=ret)
    ndr = compose(message=message, attach_limit=limit, eight_bit=eight_bit)
    is_well_formed(ndr, "bob@remote.test")
    if unread or ret == "HDRS":
        assert "message/rfc822" not in content_types(ndr)


@given(
    diagnostics=st.lists(DIAGNOSTICS, min_size=1, max_size=4),
    smtp_status=st.sampled_from([None, 0, 250, 451, 550]),
)
def test_any_diagnostic_leaves_exactly_the_recipients_put_in(
    diagnostics: list[str | None], smtp_status: int | None
) -> None:
    recipients = [
        failed(entry_id=n, recipient=f"user{n}@remote.test", diagnostic=diagnostic, smtp_status=smtp_status)
        for n, diagnostic in enumerate(diagnostics)
    ]
    ndr = compose(*recipients)
    is_well_formed(ndr, *(each.recipient for each in recipients))
    temporary, permanent = all_failures(parse(ndr))
    assert temporary | permanent == {f"user{n}@remote.test".encode() for n in range(len(recipients))}


@given(addresses=st.lists(PLAIN_ADDRESS, min_size=1, max_size=5, unique_by=str.lower))
def test_flufl_finds_exactly_the_recipients(addresses: list[str]) -> None:
    ndr = compose(*(failed(entry_id=n, recipient=each) for n, each in enumerate(addresses)))
    is_well_formed(ndr, *addresses)
    assert all_failures(parse(ndr))[1] == {each.encode() for each in addresses}


@given(
    recipient=st.text(min_size=1, max_size=80),
    original_recipient=st.text(max_size=40) | st.text(max_size=40).map("rfc822;".__add__),
    remote=st.tuples(st.text(max_size=40), st.text(max_size=20)),
    envelope_id=st.text(max_size=40),
    helo=st.text(max_size=40),
)
def test_no_envelope_text_breaks_the_report(
    recipient: str, original_recipient: str, remote: tuple[str, str], envelope_id: str, helo: str
) -> None:
    entry = failed(
        recipient=recipient, original_recipient=original_recipient, remote_mta=remote[0], remote_ip=remote[1]
    )
    ndr = compose(entry, message=bounced(envelope_id=envelope_id, helo=helo))
    is_well_formed(ndr, recipient)
    assert text(ndr)


@given(
    sender=SENDERS,
    recipient=st.text(min_size=1, max_size=40).map("{}@remote.test".format) | PLAIN_ADDRESS,
    orcpt=st.none() | st.text(max_size=30).map("utf-8;".__add__),
)
def test_a_sender_that_passes_the_check_can_be_written_to(
    sender: str, recipient: str, orcpt: str | None
) -> None:
    if address.malformed_sender(sender):
        return
    ndr = compose(failed(recipient=recipient, original_recipient=orcpt), message=bounced(sender=sender))
    is_well_formed(ndr, recipient)
    assert ndr.rcpt_to == address.without_source_route(sender)
    assert ndr.smtputf8 is not sender.isascii()


@given(
    action=st.sampled_from(list(Action)),
    language=st.sampled_from(["en", "fr", "de", "es"]),
    html=st.booleans(),
    diagnostic=DIAGNOSTICS,
    recipient=st.text(min_size=1, max_size=40),
    original_and_opening=st.tuples(ORIGINALS, st.none() | st.text(max_size=200)),
)
def test_any_action_in_any_language_is_well_formed(
    action: Action,
    language: str,
    diagnostic: str | None,
    recipient: str,
    original_and_opening: tuple[bytes, str | None],
    *,
    html: bool,
) -> None:
    content, opening = original_and_opening
    entry = failed(recipient=recipient, diagnostic=diagnostic, attempts=2)
    ndr = compose(
        entry,
        message=bounced(content),
        action=action,
        language=language,
        html=html,
        text_part=opening,
        copy_to="audit@example.com",
        until=NOW,
    )
    is_well_formed(ndr, recipient)


@given(
    sender=SENDERS,
    held=st.lists(st.tuples(st.text(max_size=40), st.text(max_size=20), DIAGNOSTICS), max_size=5),
)
def test_any_digest_is_one_text_of_clean_lines(sender: str, held: list[tuple[str, str, str | None]]) -> None:
    if address.malformed_sender(sender):
        return
    entries = tuple(HeldNdr(1, recipient, status, diagnostic, NOW) for recipient, status, diagnostic in held)
    made = Composer(IDENTITY).compose_digest(Digest(NDR_ID, sender, NOW, NOW, entries), NOW)
    assert verify.line_defect(made.message) is None
    assert not parse(made).defects
    assert parse(made).get_content_type() == "text/plain"
    assert made.smtputf8 or made.message.isascii()
