"""A mail taken apart for people to look at: its header as sent and as it reads, its bodies, its files."""

import base64
import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesHeaderParser

#: Field name, then its lines with their folds.
_FIELD = re.compile(rb"([!-9;-~]+):((?:.*\n?)(?:[ \t].*\n?)*)")
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif"})


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a header.

    Attributes:
        name: as sent.
        sent: its value with folds and encoded words, as sent.
        read: its value as a mail reader shows it.
    """

    name: str
    sent: str
    read: str

    @property
    def reads_as_sent(self) -> bool:
        """Whether there is nothing to unfold or to decode."""
        return self.sent == self.read


@dataclass(frozen=True, slots=True)
class File:
    """A part of a mail that can be saved."""

    name: str
    content_type: str
    content: bytes

    @property
    def size(self) -> int:
        """Octets of it."""
        return len(self.content)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as people look at it.

    Attributes:
        header: its fields in their order.
        size: octets of the whole mail.
        text: the body for readers of plain text; None without one.
        html: the body for the others, its pictures within; None without one.
        status: what a delivery status notification says to programs; None in other mails.
        returned: what it returns of the original; None when it returns nothing.
        files: what can be saved.
    """

    header: tuple[Field, ...]
    size: int
    text: str | None = None
    html: str | None = None
    status: str | None = None
    returned: str | None = None
    files: tuple[File, ...] = ()


def take_apart(message: bytes) -> Mail:
    """Take apart a mail that Mailroom composed, CRLF lines.

    Of a delivery status notification the parts after the first are shown octet by octet: they have text
    from outside, which no parser is to touch.
    """
    head, _, body = message.partition(b"\r\n\r\n")
    fields = read_header(head)
    top = BytesHeaderParser().parsebytes(head)
    if top.get_content_type() != "multipart/report":
        return Mail(fields, len(message), *_bodies(message), files=_attachments(message))
    words, *others = split_parts(body, top.get_boundary(""))
    status, *returned = [_content(part) for part in others]
    return Mail(
        fields,
        len(message),
        *_bodies(words),
        status=_readable(status),
        returned=_readable(returned[0]) if returned else None,
        files=(
            File("delivery-status.txt", "text/plain", status),
            *(File("returned-message.eml", "message/rfc822", content) for content in returned),
        ),
    )


def read_header(head: bytes) -> tuple[Field, ...]:
    """Read a header's fields, as sent and as a mail reader shows them."""
    return tuple(
        _field(match[1].decode("ascii"), _readable(match[2]).strip()) for match in _FIELD.finditer(head)
    )


def split_parts(body: bytes, boundary: str) -> list[bytes]:
    """Return the parts of a multipart's body, each with its own header (RFC 2046 section 5.1.1)."""
    delimiter = b"\r\n--" + boundary.encode("ascii")
    _, *parts = (b"\r\n" + body).split(delimiter)
    return [part.removeprefix(b"\r\n") for part in parts if not part.startswith(b"--")]


def _field(name: str, sent: str) -> Field:
    unfolded = re.sub(r"\n(?=[ \t])", "", sent)
    try:
        return Field(name, sent, str(make_header(decode_header(unfolded))))
    except (ValueError, LookupError):  # encoded words that are none, in a charset that is none
        return Field(name, sent, unfolded)


def _bodies(message: bytes) -> tuple[str | None, str | None]:
    """Text and HTML; the HTML with the pictures that it refers to."""
    mail = _parsed(message)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    return (
        str(text.get_content()).replace("\r\n", "\n") if text else None,
        _with_pictures(str(html.get_content()), list(mail.walk())) if html else None,
    )


def _with_pictures(html: str, parts: Sequence[EmailMessage]) -> str:
    """Put the pictures themselves where the HTML refers to other parts of the mail (RFC 2392)."""
    for part in parts:
        content_id, kind = str(part.get("Content-ID", "")).strip("<> "), part.get_content_type()
        if content_id and kind in _PICTURES:
            encoded = base64.b64encode(part.get_content()).decode("ascii")
            html = html.replace(f"cid:{content_id}", f"data:{kind};base64,{encoded}")
    return html


def _attachments(message: bytes) -> tuple[File, ...]:
    return tuple(
        File(
            part.get_filename() or "attachment",
            part.get_content_type(),
            bytes(part.get_payload(decode=True) or b""),
        )
        for part in _parsed(message).iter_attachments()
    )


def _parsed(message: bytes) -> EmailMessage:
    return email.message_from_bytes(message, policy=email.policy.default)


def _content(part: bytes) -> bytes:
    return part.partition(b"\r\n\r\n")[2]


def _readable(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
