"""Composing a notification: the delivery status notification of RFC 3464 as bytes.

This is the hot path of the worker. What depends on the settings alone is prepared once; the rest is plain
templates over sanitised fields, many times cheaper than building `email` objects. The `email` package and
flufl.bounce are the oracle in the tests instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from services.ndr_worker.bounce import Action, FailedRecipient, Notification
from services.ndr_worker.composition import address, original, sanitise, text_part
from services.ndr_worker.composition.digest import Digest, digest_text
from services.ndr_worker.composition.explanation import DOUBLE_BOUNCE, Account, Explainer
from services.ndr_worker.composition.fields import date_time
from services.ndr_worker.composition.header import NdrIdentityError, a_label, from_field, subject_field
from services.ndr_worker.composition.identity import NdrIdentity
from services.ndr_worker.composition.languages import Wording, chosen, read_wording
from services.ndr_worker.composition.multipart_report import multipart_report
from services.ndr_worker.composition.reply import STATUS, outcome
from services.ndr_worker.composition.returned import Extent, Returned, returned
from services.ndr_worker.composition.status_report import StatusReporter


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
        is_failure = action is Action.FAILED
        outcomes = [
            (each, outcome(each, identity.fallback_status, identity.assumed_smtp_status, action))
            for each in notification.recipients
        ]
        back = returned(
            message,
            limit=identity.attach_limit,
            eight_bit=identity.eight_bit,
            header_only=not is_failure,
        )
        sender = sanitise.printable(message.sender)
        rcpt_to = reader or identity.redirect or address.without_source_route(sender)
        voice = self._voice_for(rcpt_to)
        header = self._header(voice.start[kind], rcpt_to, sender, mail_id, now, fields=back.fields)
        smtputf8 = not header.isascii()
        # RFC 6533: the global type only where the DSN needs SMTPUTF8 in any case; fewer programs read it.
        is_global = smtputf8 and not all(each.recipient.isascii() for each in notification.recipients)
        eight_bit = is_global or (back.content is not None and back.content.eight_bit)
        report = multipart_report(
            header,
            mail_id,
            self._words(voice, (kind, outcomes, back, message.content_size, until), mail_id),
            self._status_reporter.report(message, action, outcomes, until, raw=is_global),
            back,
            content_size=message.content_size,
            is_failure=is_failure,
            is_global=is_global,
            eight_bit=eight_bit,
        )
        return ComposedNdr(mail_id, rcpt_to, report, eight_bit, smtputf8)

    def _words(self, voice: "_Voice", account: Account, mail_id: str) -> bytes:
        """The part for people."""
        text, language = voice.explainer.text(account), voice.wording.language
        if not self._identity.html:
            return text_part.leaf(text, language)
        page = voice.explainer.html(account)
        return text_part.alternatives(text, page, language, f"=_alternative.{mail_id}".encode("ascii"))

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


def _own_opening(identity: NdrIdentity, announce_mta: str) -> str | None:
    """The opening in the settings' words (seed: ndr_textpart), lines separated by LF."""
    if identity.text_part is None:
        return None
    product_name = sanitise.printable(identity.product_name)
    wording = identity.text_part.replace("%REPMTA%", announce_mta).replace("%PRODNAME%", product_name)
    rows = wording.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    return "\n".join(sanitise.printable(row).rstrip() for row in rows)
