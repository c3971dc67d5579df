"""`mail/1`: one finished mail with its envelope, ready for submission."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from shared.wire.fields import WireError, pack, take, take_optional, take_texts, take_time, unpack

_KINDS = frozenset({"ndr", "ndr-copy", "report", "notice"})
_BODIES = frozenset({"7bit", "8bitmime"})


@dataclass(frozen=True, slots=True)
class MessageRef:
    """Where a mail too large for the broker is kept: the row `mail_id` of `mail_body`."""

    mail_id: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail for the relay."""

    TYPE: ClassVar[str] = "mail/1"

    mail_id: str
    #: ndr, ndr-copy, report or notice.
    kind: str
    #: Reverse-path without angle brackets; "" is the null reverse-path.
    mail_from: str
    #: Envelope recipients; exactly one for NDRs.
    rcpt_to: tuple[str, ...]
    #: CRLF lines, not dot-stuffed; or a reference to them.
    message: bytes | MessageRef
    created_at: datetime
    #: Undelivered at this time, it is given up.
    expires_at: datetime
    #: 7bit or 8bitmime.
    body: str = "7bit"
    smtputf8: bool = False

    @property
    def message_id(self) -> str:
        """The AMQP message id: the mail's, by which every station drops repetitions."""
        return self.mail_id

    def encode(self) -> bytes:
        """Return the msgpack body."""
        fields: dict[str, Any] = {
            "mail_id": self.mail_id,
            "kind": self.kind,
            "mail_from": self.mail_from,
            "rcpt_to": list(self.rcpt_to),
            "body": self.body,
            "smtputf8": self.smtputf8,
            "created_at": self.created_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
        }
        if isinstance(self.message, MessageRef):
            ref = self.message
            fields["message_ref"] = {"mail_id": ref.mail_id, "size": ref.size, "sha256": ref.sha256}
        else:
            fields["message"] = self.message
        return pack(fields)

    @classmethod
    def decode(cls, message_type: str | None, body: bytes) -> Self:
        """Read a body.

        Raises:
            WireError: it is not a mail/1; the message names the field.
        """
        fields = unpack(cls.TYPE, message_type, body)
        mail = cls(
            mail_id=take(fields, "mail_id", str),
            kind=_one_of(fields, "kind", _KINDS),
            mail_from=take(fields, "mail_from", str),
            rcpt_to=take_texts(fields, "rcpt_to"),
            message=_message(fields),
            body=_one_of(fields, "body", _BODIES),
            smtputf8=take(fields, "smtputf8", bool),
            created_at=take_time(fields, "created_at"),
            expires_at=take_time(fields, "expires_at"),
        )
        if mail.kind.startswith("ndr") and len(mail.rcpt_to) != 1:
            raise WireError(f"'rcpt_to' names {len(mail.rcpt_to)} recipients; an NDR has exactly one")
        return mail


def _one_of(fields: Mapping[str, Any], key: str, known: frozenset[str]) -> str:
    value = take(fields, key, str)
    if value not in known:
        raise WireError(f"{key!r} is {value!r:.80}, not one of {', '.join(sorted(known))}")
    return value


def _message(fields: Mapping[str, Any]) -> bytes | MessageRef:
    if "message_ref" not in fields or take_optional(fields, "message_ref", dict) is None:
        return take(fields, "message", bytes)
    ref = take(fields, "message_ref", dict)
    return MessageRef(
        mail_id=take(ref, "mail_id", str), size=take(ref, "size", int), sha256=take(ref, "sha256", str)
    )
