"""What is known about a bounced message, as plain values; composition and policy read nothing else."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Action(StrEnum):
    """What a notification reports of its recipients: the DSN's Action field (RFC 3464 section 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True)
class FailedRecipient:
    """One queue entry that has bounced: a message that did not reach one envelope recipient.

    Attributes:
        entry_id: The queue's id of the entry.
        recipient: The envelope recipient as accepted, case preserved, without angle brackets.
        original_recipient: ORCPT as given (`rfc822;user+2Bx@example.com`, xtext), or None.
        notify: NOTIFY as given (`FAILURE,DELAY`), or None.
        smtp_status: The last basic reply code; None or 0 when there was none.
        enhanced_status: An enhanced status code recorded beside it (`5.1.1`), or None.
        diagnostic: The reply or the local reason, untrusted text of any length, or None.
        remote_mta: Name of the server that was talked to, or None.
        remote_ip: Its address, or None.
        attempts: How often delivery was tried.
        last_attempt_at: When it was last tried, or None.
        bounced_at: When delivery was given up.
    """

    entry_id: int
    recipient: str
    original_recipient: str | None
    notify: str | None
    smtp_status: int | None
    enhanced_status: str | None
    diagnostic: str | None
    remote_mta: str | None
    remote_ip: str | None
    attempts: int
    last_attempt_at: datetime | None
    bounced_at: datetime


@dataclass(frozen=True, slots=True)
class BouncedMessage:
    """The spooled message that bounced entries belong to.

    Attributes:
        message_id: The queue's id of the message.
        sender: The reverse-path without angle brackets; empty for the null reverse-path.
        received_at: When our system accepted the message.
        received_from: Address of the client it came from, or None.
        helo: The name that client gave, or None.
        envelope_id: ENVID as given (xtext), or None.
        ret: `FULL`, `HDRS` or None.
        smtputf8: Whether it was sent with SMTPUTF8.
        requiretls: Whether it was sent with REQUIRETLS (RFC 8689).
        content: The first part of the message, as much as was read; may be empty.
        content_size: Octets of the whole message.
    """

    message_id: int
    sender: str
    received_at: datetime
    received_from: str | None
    helo: str | None
    envelope_id: str | None
    ret: str | None
    smtputf8: bool
    requiretls: bool
    content: bytes
    content_size: int


@dataclass(frozen=True, slots=True)
class Notification:
    """What one DSN reports: one message and recipients that met the same fate (RFC 3464 section 2).

    Attributes:
        ndr_id: Identity of the NDR, given when its entries were claimed.
        message: The message.
        recipients: The recipients to report, at least one.
        action: What became of all of them.
    """

    ndr_id: UUID
    message: BouncedMessage
    recipients: tuple[FailedRecipient, ...]
    action: Action = Action.FAILED
