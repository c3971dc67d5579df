"""Composing an NDR: the delivery status notification of RFC 3464 as bytes.

This is the hot path of the worker. What depends on the settings alone is prepared once; the rest is plain
templates over sanitised fields, many times cheaper than building `email` objects. The `email` package and
flufl.bounce are the oracle in the tests instead.
"""

import binascii
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.ndr_worker import address, original, sanitise
from services.ndr_worker.bounce import Notification
from services.ndr_worker.explanation import closing, default_opening, explanation
from services.ndr_worker.fields import date_time, encoded_words, folded
from services.ndr_worker.reply import STATUS, outcome
from services.ndr_worker.returned import ReturnedContent, returned
from services.ndr_worker.status_report import reporting_mta, status_report
from shared.errors import MailroomError

_NAMED_ADDRESS = re.compile(r"(.*)<([^<>]*)>\s*", re.DOTALL)
_PHRASE = re.compile(r"""[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*|"(?:[^"\\]|\\.)*\"""")


class NdrIdentityError(MailroomError):
    """A setting of `[ndr]` can't be written into a notification."""


@dataclass(frozen=True, slots=True)
class NdrIdentity:
    """In whose name and in which words NDRs are written: the `[ndr]` settings that composition needs.

    Attributes:
        announce_mta: Name of this system, for Reporting-MTA, Message-ID and `%REPMTA%`.
        from_address: `address` or `Name <address>`; the address is also the one to ask for help.
        subject: The Subject; encoded when it is not ASCII.
        text_part: Opening of the first part with `%REPMTA%` and `%PRODNAME%`; None for the default wording.
        product_name: For `%PRODNAME%`.
        attach_limit: Most octets of the original to return; 0 for none.
        fallback_status: Status of a failure of which nothing is known.
        redirect: Where every NDR goes instead of to the sender, or None.
        eight_bit: Whether NDRs may travel as 8BITMIME; if not, an 8-bit original comes back as its header.
        confidential: Whether to leave out remote servers, log ids and extensions (RFC 3464 section 4.2).
    """

    announce_mta: str
    from_address: str
    subject: str
    text_part: str | None = None
    product_name: str = "Mailroom"
    attach_limit: int = 4096
    fallback_status: str = "5.0.0"
    redirect: str | None = None
    eight_bit: bool = False
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class ComposedNdr:
    """A finished NDR; its envelope sender is the null reverse-path.

    Attributes:
        mail_id: Identity of the mail, the same each time the NDR is composed.
        rcpt_to: The one envelope recipient.
        message: The message, CRLF lines, not dot-stuffed.
        eight_bit: Whether it needs `BODY=8BITMIME`.
        smtputf8: Whether it needs SMTPUTF8, because the sender's address is not ASCII.
    """

    mail_id: str
    rcpt_to: str
    message: bytes
    eight_bit: bool
    smtputf8: bool


class Composer:
    """Writes NDRs in the name of one identity."""

    def __init__(self, identity: NdrIdentity) -> None:
        """Prepare what all NDRs share.

        Args:
            identity: The settings.

        Raises:
            NdrIdentityError: A setting can't be written into a notification.
        """
        self._identity = identity
        self._host = _a_label(identity.announce_mta)
        self._from, help_address = _from_field(identity.from_address)
        self._subject = _subject_field(identity.subject)
        self._reporting_mta = reporting_mta(self._host)
        self._opening = _opening(identity, self._host)
        self._closing = closing(help_address)
        if identity.redirect and sanitise.is_unsafe(identity.redirect):
            raise NdrIdentityError(f"ndr_recip_redirect {identity.redirect!r} is no address")
        if not STATUS.fullmatch(identity.fallback_status):
            raise NdrIdentityError(
                f"ndr_status {identity.fallback_status!r} is no status code; give one such as 5.0.0"
            )

    def compose(self, notification: Notification, now: datetime) -> ComposedNdr:
        """Write the NDR of a notification.

        Args:
            notification: What to report; its sender must have passed the policy.
            now: For the Date; the same moment gives the same bytes.

        Returns:
            The NDR.
        """
        identity, message = self._identity, notification.message
        outcomes = [
            (recipient, outcome(recipient, identity.fallback_status)) for recipient in notification.recipients
        ]
        back = returned(message, limit=identity.attach_limit, eight_bit=identity.eight_bit)
        text = explanation(
            self._opening, self._closing, outcomes, back.explanation, confidential=identity.confidential
        )
        report = status_report(self._reporting_mta, message, outcomes, confidential=identity.confidential)
        parts = [_text_part(text), _STATUS_PART_HEADER + report]
        if back.content:
            parts.append(_content_part(back.content, message.content_size))
        mail_id = f"ndr.{notification.ndr_id}"
        boundary = _boundary(mail_id, parts)
        sender = sanitise.printable(message.sender)
        rcpt_to = identity.redirect or address.without_source_route(sender)
        eight_bit = back.content is not None and back.content.encoding == b"8bit"
        header = (
            f"{self._from}To: {rcpt_to}\r\n{self._subject}Date: {date_time(now)}\r\n"
            f"Message-ID: <{mail_id}@{self._host}>\r\n{_references(back.fields)}"
            f"{'' if rcpt_to == sender else f'X-Mailroom-Original-Return-Path: <{sender}>{_CRLF}'}"
            "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/report; report-type=delivery-status;\r\n"
            f' boundary="{boundary.decode()}"\r\n'
            f"{'Content-Transfer-Encoding: 8bit' + _CRLF if eight_bit else ''}"
        ).encode()
        delimiter = b"\r\n--" + boundary
        return ComposedNdr(
            mail_id=mail_id,
            rcpt_to=rcpt_to,
            message=(delimiter + b"\r\n").join([header, *parts]) + delimiter + b"--\r\n",
            eight_bit=eight_bit,
            smtputf8=not header.isascii(),
        )


_CRLF = "\r\n"
# No parameters and no Content-Transfer-Encoding: RFC 3464 section 2.1, and parsers compare the line.
_STATUS_PART_HEADER = (
    b"Content-Description: Non-Delivery Report\r\nContent-Type: message/delivery-status\r\n\r\n"
)
_TEXT_PART_HEADER = b"Content-Description: Non-Delivery Notification\r\nContent-Type: text/plain; charset="


def _text_part(text: str) -> bytes:
    if text.isascii():
        return _TEXT_PART_HEADER + b"us-ascii\r\n\r\n" + text.encode("ascii")
    # Quoted-printable keeps the part 7-bit whatever route the NDR takes; it is a leaf, so it may be encoded.
    encoded = binascii.b2a_qp(text.encode(), istext=True)
    return _TEXT_PART_HEADER + b"utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded


def _content_part(content: ReturnedContent, content_size: int) -> bytes:
    header = (
        b"Content-Description: "
        + content.description
        + b"\r\nContent-Type: "
        + content.content_type
        + b"\r\n"
    )
    if content.encoding != b"7bit":
        header += b"Content-Transfer-Encoding: " + content.encoding + b"\r\n"
    if content.truncated:
        header += f"X-Mailroom-Truncated: {len(content.body)} of {content_size} octets\r\n".encode("ascii")
    return header + b"\r\n" + content.body


def _boundary(mail_id: str, parts: Sequence[bytes]) -> bytes:
    """A boundary that occurs in no part (RFC 2046 section 5.1.1), the same each time the NDR is composed."""
    for counter in itertools.count():
        # No line of quoted-printable can hold "=_".
        boundary = f"=_{mail_id}_{counter}".encode("ascii")
        if not any(boundary in part for part in parts):
            break
    return boundary


def _references(fields: bytes) -> str:
    message_id = original.message_id(fields)
    return f"In-Reply-To: {message_id}\r\nReferences: {message_id}\r\n" if message_id else ""


def _opening(identity: NdrIdentity, announce_mta: str) -> str:
    product_name = sanitise.printable(identity.product_name)
    if identity.text_part is None:
        return default_opening(product_name, announce_mta)
    wording = identity.text_part.replace("%REPMTA%", announce_mta).replace("%PRODNAME%", product_name)
    lines = wording.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    return "\r\n".join(folded(sanitise.printable(line).rstrip(), indent="") for line in lines)


def _a_label(announce_mta: str) -> str:
    """The name of this system in ASCII: A-labels for an internationalised name (RFC 3461 section 6.3 b)."""
    try:
        name = announce_mta if announce_mta.isascii() else announce_mta.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not name or sanitise.host(name) != name or set("<>@,\\\"'") & set(name):
        raise NdrIdentityError(
            f"announcemta {announce_mta!r} is no host name; give one such as mail.example.com"
        )
    return name


def _from_field(from_address: str) -> tuple[str, str]:
    """The From field, and the address in it."""
    named = _NAMED_ADDRESS.fullmatch(from_address)
    name, mailbox = (named[1].strip(), named[2]) if named else ("", from_address.strip())
    if address.malformed_sender(mailbox) or not mailbox.isascii() or sanitise.is_unsafe(name):
        raise NdrIdentityError(
            f"ndr_from {from_address!r} is no address; "
            "give postmaster@example.com or Postmaster <postmaster@example.com>"
        )
    if not name:
        return f"From: {mailbox}\r\n", mailbox
    if not name.isascii():
        phrase = encoded_words(name.strip('"'))
    elif _PHRASE.fullmatch(name):
        phrase = name
    else:
        phrase = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return folded(f"From: {phrase} <{mailbox}>") + "\r\n", mailbox


def _subject_field(subject: str) -> str:
    text = sanitise.printable(subject)
    return folded(f"Subject: {text if text.isascii() else encoded_words(text)}") + "\r\n"
