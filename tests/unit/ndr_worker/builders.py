"""Bounced messages, and NDRs as the `email` package reads them."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import Message
from typing import Any
from uuid import UUID

from services.ndr_worker.bounce import Action, BouncedMessage, FailedRecipient, Notification
from services.ndr_worker.composition.compose import ComposedNdr, Composer
from services.ndr_worker.composition.identity import NdrIdentity

NOW = datetime(2026, 11, 21, 0, 10, 12, tzinfo=UTC)
NDR_ID = UUID("12345678-90ab-cdef-1234-567890abcdef")
ORIGINAL = (
    b"Received: from a.example.com by b.example.com; Sat, 21 Nov 2026 00:10:10 +0000\r\n"
    b"From: Alice <alice@sender.test>\r\nTo: bob@remote.test\r\nSubject: hello\r\n"
    b"Message-ID: <abc.123@sender.test>\r\n\r\nHello Bob,\r\nsee you.\r\n"
)
IDENTITY = NdrIdentity("mx1.mail.example.com", "postmaster@mail.example.com", "Delivery Failure Report")


def failed(**changes: Any) -> FailedRecipient:
    return replace(
        FailedRecipient(
            entry_id=3,
            recipient="bob@remote.test",
            original_recipient=None,
            notify=None,
            smtp_status=550,
            enhanced_status=None,
            diagnostic="550 5.1.1 No such user",
            remote_mta="mx.remote.test",
            remote_ip="203.0.113.9",
            attempts=1,
            last_attempt_at=NOW,
            bounced_at=NOW,
        ),
        **changes,
    )


def bounced(content: bytes = ORIGINAL, **changes: Any) -> BouncedMessage:
    return replace(
        BouncedMessage(
            message_id=7,
            sender="alice@sender.test",
            received_at=NOW,
            received_from="192.0.2.7",
            helo="a.example.com",
            envelope_id=None,
            ret=None,
            smtputf8=False,
            requiretls=False,
            content=content,
            content_size=len(content),
        ),
        **changes,
    )


def notified(
    *recipients: FailedRecipient, message: BouncedMessage | None = None, action: Action = Action.FAILED
) -> Notification:
    return Notification(NDR_ID, message or bounced(), recipients or (failed(),), action)


def compose(
    *recipients: FailedRecipient,
    message: BouncedMessage | None = None,
    now: datetime = NOW,
    action: Action = Action.FAILED,
    copy_to: str | None = None,
    until: datetime | None = None,
    **identity: Any,
) -> ComposedNdr:
    return Composer(replace(IDENTITY, **identity)).compose(
        notified(*recipients, message=message, action=action), now, copy_to=copy_to, will_retry_until=until
    )


def parse(ndr: ComposedNdr) -> Message:
    return message_from_bytes(ndr.message, policy=policy.compat32)


def part(ndr: ComposedNdr, number: int) -> Message:
    payload = parse(ndr).get_payload()
    assert isinstance(payload, list)
    found = payload[number - 1]
    assert isinstance(found, Message)
    return found


def text(ndr: ComposedNdr) -> str:
    first = part(ndr, 1)
    content = first.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode(str(first.get_content_charset()))


def blocks(ndr: ComposedNdr) -> list[Message]:
    """The blocks of the delivery-status part: the message's, then one per recipient."""
    payload = part(ndr, 2).get_payload()
    assert isinstance(payload, list)
    return [block for block in payload if isinstance(block, Message)]


def content_types(ndr: ComposedNdr) -> list[str]:
    payload = parse(ndr).get_payload()
    assert isinstance(payload, list)
    return [each.get_content_type() for each in payload if isinstance(each, Message)]


def returned_octets(ndr: ComposedNdr) -> bytes:
    """The octets of the third part as they stand in the NDR."""
    boundary = b"\r\n--" + str(parse(ndr).get_boundary()).encode()
    return ndr.message.split(boundary)[3].split(b"\r\n\r\n", 1)[1]
