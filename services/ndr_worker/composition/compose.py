"""Composing a notification: the delivery status notification of RFC 3464 as bytes.

This is the hot path of the worker. What depends on the settings alone is prepared once; the rest is plain
templates over sanitised fields, many times cheaper than building `email` objects. The `email` package and
flufl.bounce are the oracle in the tests instead.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from services.ndr_worker.bounce import Action, FailedRecipient, Notification
from services.ndr_worker.composition import address, original, sanitise, text_part
from services.ndr_worker.composition.digest import Digest, digest_text
from services.ndr_worker.composition.explanation import DOUBLE_BOUNCE, Explainer
from services.ndr_worker.composition.fields import date_time
from services.ndr_worker.composition.header import NdrIdentityError, a_label, from_field, subject_field
from services.ndr_worker.composition.languages import Wording, chosen, read_wording
from services.ndr_worker.composition.reply import STATUS, outcome
from services.ndr_worker.composition.returned import Extent, Returned, ReturnedContent, returned
from services.ndr_worker.composition.status_report import StatusReporter


@dataclass(frozen=True, slots=True)
class NdrIdentity:
    """In whose name and in which words NDRs are written: the `[ndr]` settings that composition needs.

    Attributes:
        announce_mta: Name of this system, for Reporting-MTA, Message-ID and `%REPMTA%`.
        from_address: `address` or `Name <address>`; the address is also the one to ask for help.
        subject: The Subject of an NDR; encoded when it is not ASCII.
        text_part: Opening of an NDR with `%REPMTA%` and `%PRODNAME%`; None for the wording's own.
        product_name: For `%PRODNAME%`.
        attach_limit: Most octets of the original to return; 0 for none.
        fallback_status: Status of a failure of which nothing is known.
        assumed_smtp_status: Reply code of an entry that has none (seed: statuszero); 0: none is assumed.
        redirect: Where every notification goes instead of to the sender, or None.
        eight_bit: Whether NDRs may travel as 8BITMIME; if not, an 8-bit original comes back as its header.
        confidential: Whether to leave out remote servers, log ids and extensions (RFC 3464 section 4.2).
        language: Language of the first part where `languages` says nothing.
        languages: Language by the notification's recipient: an address, a domain, or an ending such as `.fr`.
        templates_path: Folder of further languages, or of own texts for those shipped; or None.
        html: Whether the first part has an HTML alternative.
    """

    announce_mta: str
    from_address: str
    subject: str
    text_part: str | None = None
    product_name: str = "Mailroom"
    attach_limit: int = 4096
    fallback_status: str = "5.0.0"
    assumed_smtp_status: int = 0
    redirect: str | None = None
    eight_bit: bool = False
    confidential: bool = False
    language: str = "en"
    languages: Mapping[str, str] = field(default_factory=dict)
    templates_path: Path | None = None
    html: bool = False


class ComposedNdr(NamedTuple):
    """A finished notification; its envelope sender is the null reverse-path.

    Attributes:
        mail_id: Identity of the mail, the same each time it is composed.
        rcpt_to: The one envelope recipient.
        message: The message, CRLF lines, not dot-stuffed.
        eight_bit: Whether it needs `BODY=8BITMIME`.
        smtputf8: Whether it needs SMTPUTF8, because an address in its header is not ASCII.
    """

    mail_id: str
    rcpt_to: str
    message: bytes
    eight_bit: bool
    smtputf8: bool


class Composer:
    """Writes notifications in the name of one identity."""

    def __init__(self, identity: NdrIdentity) -> None:
        """Prepare what all notifications share.

        Args:
            identity: The settings.

        Raises:
            NdrIdentityError: A setting can't be written into a notification.
            WordingBroken: The texts of a language can't be used.
        """
        self._identity = identity
        self._host = a_label(identity.announce_mta)
        self._from, help_address = from_field(identity.from_address)
        self._names = {
            "product": sanitise.printable(identity.product_name),
            "mta": self._host,
            "help": help_address,
        }
        self._status_reporter = StatusReporter(self._host, confidential=identity.confidential)
        self._languages = {key.lower(): language for key, language in identity.languages.items()}
        self._voices = {
            language: self._voice(read_wording(language, identity.templates_path))
            for language in {identity.language, *identity.languages.values()}
        }
        self._default_voice = self._voices[identity.language]
        if identity.redirect and sanitise.is_unsafe(identity.redirect):
            raise NdrIdentityError(f"ndr_recip_redirect {identity.redirect!r} is no address")
        if not STATUS.fullmatch(identity.fallback_status) or identity.fallback_status[0] == "2":
            raise NdrIdentityError(
                f"ndr_status {identity.fallback_status!r} is no status code of a failure; "
                "give one such as 5.0.0"
            )

    def _voice(self, wording: Wording) -> "_Voice":
        identity = self._identity
        explainer = Explainer(
            wording, self._names, _own_opening(identity, self._host), confidential=identity.confidential
        )
        if identity.html:
            explainer.check_page(_SAMPLE, Returned(Extent.GONE, None, b""))
        subjects = {Action.FAILED.value: identity.subject, **wording.texts["subject"]}
        return _Voice(
            wording, explainer, {kind: self._from + subject_field(text) for kind, text in subjects.items()}
        )

    def compose(
        self,
        notification: Notification,
        now: datetime,
        *,
        copy_to: str | None = None,
        will_retry_until: datetime | None = None,
    ) -> ComposedNdr:
        """Write the DSN of a notification.

        Args:
            notification: What to report; its sender must have passed the policy.
            now: For the Date; the same moment gives the same bytes.
            copy_to: An additional recipient, who gets a mail of their own (RFC 3464 section 2: envelope and
                To agree); None for the sender's.
            will_retry_until: How long a delayed message will be tried, if known.

        Returns:
            The DSN.
        """
        mail_id = "ndr." + str(notification.ndr_id)
        if copy_to:
            mail_id = f"{mail_id}.{sha256(copy_to.encode()).hexdigest()[:8]}"
        delayed = notification.action is Action.DELAYED
        until = will_retry_until if delayed else None
        return self._dsn(notification, now, str(notification.action), mail_id, reader=copy_to, until=until)

    def compose_double_bounce(
        self, notification: Notification, postmaster: str, now: datetime
    ) -> ComposedNdr:
        """Write the report of a bounced message that has no sender (RFC 3461 section 5.2, note).

        Args:
            notification: What to report; its reverse-path is null.
            postmaster: The local postmaster. The report has a null reverse-path too, so it can't bounce.
            now: For the Date.

        Returns:
            A DSN to the postmaster.
        """
        return self._dsn(notification, now, DOUBLE_BOUNCE, f"double.{notification.ndr_id}", reader=postmaster)

    def compose_digest(self, digest: Digest, now: datetime) -> ComposedNdr:
        """Write a digest: one mail in place of the NDRs past a sender's budget.

        Args:
            digest: What it sums up; its sender must have passed the policy.
            now: For the Date.

        Returns:
            A mail of plain text, to the sender or where NDRs are redirected.
        """
        sender = sanitise.printable(digest.sender)
        rcpt_to = self._identity.redirect or address.without_source_route(sender)
        voice = self._voice_for(rcpt_to)
        text = digest_text(digest, voice.wording.texts, self._names)
        mail_id = f"digest.{digest.digest_id}"
        header = self._header(voice.start["digest"], rcpt_to, sender, mail_id, now).encode()
        message = header + text_part.leaf(text, voice.wording.language)
        return ComposedNdr(mail_id, rcpt_to, message, eight_bit=False, smtputf8=not header.isascii())

    def _dsn(
        self,
        notification: Notification,
        now: datetime,
        kind: str,
        mail_id: str,
        *,
        reader: str | None = None,
        until: datetime | None = None,
    ) -> ComposedNdr:
        identity, message, action = self._identity, notification.message, notification.action
        outcomes = [
            (each, outcome(each, identity.fallback_status, identity.assumed_smtp_status, action))
            for each in notification.recipients
        ]
        back = returned(
            message,
            limit=identity.attach_limit,
            eight_bit=identity.eight_bit,
            header_only=action is not Action.FAILED,
        )
        sender = sanitise.printable(message.sender)
        rcpt_to = reader or identity.redirect or address.without_source_route(sender)
        voice = self._voice_for(rcpt_to)
        header = self._header(voice.start[kind], rcpt_to, sender, mail_id, now, fields=back.fields)
        smtputf8 = not header.isascii()
        # RFC 6533: the global type only where the DSN needs SMTPUTF8 in any case; fewer programs read it.
        is_global = smtputf8 and not all(each.recipient.isascii() for each in notification.recipients)
        names = _NAMES_OF_FAILURE if action is Action.FAILED else _NAMES
        text = voice.explainer.text(kind, outcomes, back, message.content_size, until)
        if identity.html:
            page = voice.explainer.html(kind, outcomes, back, message.content_size, until)
            human = text_part.alternatives(
                text, page, voice.wording.language, f"=_alternative.{mail_id}".encode("ascii")
            )
        else:
            human = text_part.leaf(text, voice.wording.language)
        report = self._status_reporter.report(message, action, outcomes, until, raw=is_global)
        parts = [names[0] + human, names[1] + (_GLOBAL_TYPE if is_global else _CLASSIC_TYPE) + report]
        if back.content:
            parts.append(names[2] + _content_part(back.extent, back.content, message.content_size))
        eight_bit = is_global or (back.content is not None and back.content.encoding == b"8bit")
        boundary = _boundary(mail_id, parts)
        start = (
            f"{header}Content-Type: multipart/report; report-type=delivery-status;\r\n"
            f' boundary="{boundary}"\r\n'
            f"{_EIGHT_BIT if eight_bit else ''}"
        ).encode()
        delimiter = f"\r\n--{boundary}".encode("ascii")
        return ComposedNdr(
            mail_id,
            rcpt_to,
            b"%b%b--\r\n" % ((delimiter + b"\r\n").join([start, *parts]), delimiter),
            eight_bit,
            smtputf8,
        )

    def _header(
        self, start: str, rcpt_to: str, sender: str, mail_id: str, now: datetime, *, fields: bytes = b""
    ) -> str:
        message_id = original.message_id(fields) if fields else None
        references = f"In-Reply-To: {message_id}\r\nReferences: {message_id}\r\n" if message_id else ""
        elsewhere = "" if rcpt_to == sender else f"X-Mailroom-Original-Return-Path: <{sender}>\r\n"
        return (
            f"{start}To: {rcpt_to}\r\nDate: {date_time(now)}\r\nMessage-ID: <{mail_id}@{self._host}>\r\n"
            f"{references}{elsewhere}Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        )

    def _voice_for(self, reader: str) -> "_Voice":
        if not self._languages:
            return self._default_voice
        return self._voices[chosen(reader, self._languages, self._identity.language)]


@dataclass(frozen=True, slots=True)
class _Voice:
    """What is prepared for one language; `start` has From and Subject by kind of mail."""

    wording: Wording
    explainer: Explainer
    start: Mapping[str, str]


_EIGHT_BIT = "Content-Transfer-Encoding: 8bit\r\n"
# No parameters and no Content-Transfer-Encoding: RFC 3464 section 2.1, and parsers compare the line.
_CLASSIC_TYPE = b"Content-Type: message/delivery-status\r\n\r\n"
_GLOBAL_TYPE = b"Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
# How Content-Description names the three parts.
_NAMES_OF_FAILURE = (
    b"Content-Description: Non-Delivery Notification\r\n",
    b"Content-Description: Non-Delivery Report\r\n",
    b"Content-Description: Undelivered message",
)
_NAMES = (
    b"Content-Description: Delivery Notification\r\n",
    b"Content-Description: Delivery Report\r\n",
    b"Content-Description: Message",
)
_SAMPLE_RECIPIENT = FailedRecipient(
    entry_id=0,
    recipient="recipient@example.com",
    original_recipient=None,
    notify=None,
    smtp_status=550,
    enhanced_status=None,
    diagnostic="550 5.1.1 no such user",
    remote_mta="mx.example.com",
    remote_ip=None,
    attempts=2,
    last_attempt_at=datetime.min.replace(tzinfo=UTC),
    bounced_at=datetime.min.replace(tzinfo=UTC),
)
_SAMPLE = [(_SAMPLE_RECIPIENT, outcome(_SAMPLE_RECIPIENT))]
_DESCRIBED = {Extent.WHOLE: b"", Extent.HEADER: b" header", Extent.CUT_HEADER: b" header, cut"}


def _content_part(extent: Extent, content: ReturnedContent, content_size: int) -> bytes:
    size = b"%d of %d octets" % (len(content.body), content_size) if content.truncated else b""
    header = _DESCRIBED[extent]
    if size:
        header += b" (%b)" % size
    header += b"\r\nContent-Type: " + content.content_type + b"\r\n"
    if content.encoding != b"7bit":
        header += b"Content-Transfer-Encoding: " + content.encoding + b"\r\n"
    if size:
        header += b"X-Mailroom-Truncated: %b\r\n" % size
    return header + b"\r\n" + content.body


def _boundary(mail_id: str, parts: Iterable[bytes]) -> str:
    """A boundary that occurs in no part (RFC 2046 section 5.1.1), the same each time the NDR is composed."""
    for counter in itertools.count():
        # No line of quoted-printable can hold "=_".
        boundary = f"=_{mail_id}_{counter}"
        octets = boundary.encode("ascii")
        for part in parts:
            # From the end, where the boundary's rare first letter is compared first.
            if part.rfind(octets) >= 0:
                break
        else:
            break
    return boundary


def _own_opening(identity: NdrIdentity, announce_mta: str) -> str | None:
    """The opening in the settings' words (seed: ndr_textpart), lines separated by LF."""
    if identity.text_part is None:
        return None
    product_name = sanitise.printable(identity.product_name)
    wording = identity.text_part.replace("%REPMTA%", announce_mta).replace("%PRODNAME%", product_name)
    rows = wording.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    return "\n".join(sanitise.printable(row).rstrip() for row in rows)
