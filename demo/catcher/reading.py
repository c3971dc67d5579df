"""Reading a caught mail for showing it: pure functions from its bytes to what a page needs.

Bytes come from anywhere, so nothing here raises on any of them (hence the lenient parser policy, not the
modern one); what cannot be decoded is shown with replacement marks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import HeaderParser

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is offered for download.

    Attributes:
        name: its file name, or one made from its type.
        media_type: lower-case, without parameters.
        content: decoded from its transfer encoding.
    """

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """What a mail holds.

    Attributes:
        kind: `NDR` for a delivery status notification, `report` for a mail with a HTML part or an attachment,
            else `mail`.
        headers: of the message, decoded, in order.
        texts: its plain text parts.
        htmls: its HTML parts.
        delivery_status: the field groups of its delivery status: per message first, then per recipient.
        returned: the returned message or its headers, as text.
        attachments: everything else.
    """

    kind: str
    headers: Fields
    texts: tuple[str, ...]
    htmls: tuple[str, ...]
    delivery_status: tuple[Fields, ...]
    returned: tuple[str, ...]
    attachments: tuple[Attachment, ...]


def read_headers(content: bytes) -> Fields:
    """Read only the headers of a message, which is quick: decoded names and values, in order."""
    head = content.partition(b"\r\n\r\n")[0]
    parsed = HeaderParser().parsestr(head.decode("utf-8", "replace"), headersonly=True)
    return _fields(parsed)


def header(fields: Fields, name: str) -> str:
    """Give the first value of a header, or an empty string."""
    return next((value for field, value in fields if field.lower() == name.lower()), "")


def size(count: int) -> str:
    """Give a number of bytes in words: `812 B`, `6.0 KiB`, `1.2 MiB`."""
    kibi = 1024
    if count < kibi:
        return f"{count} B"
    return f"{count / kibi:.1f} KiB" if count < kibi**2 else f"{count / kibi**2:.1f} MiB"


def read(content: bytes) -> Reading:
    """Read a whole message; one that the standard library stumbles over is shown as it came."""
    try:
        return _read(content)
    except (MessageError, LookupError, ValueError):
        return Reading("mail", read_headers(content), (content.decode("utf-8", "replace"),), (), (), (), ())


def _read(content: bytes) -> Reading:
    message = message_from_bytes(content)
    is_report = message.get_content_type() == "multipart/report"
    texts: list[str] = []
    htmls: list[str] = []
    delivery_status: list[Fields] = []
    returned: list[str] = []
    attachments: list[Attachment] = []
    for part in _leaves(message):
        media_type = part.get_content_type()
        if media_type == "message/delivery-status":
            delivery_status += _status_groups(part)
        elif media_type in {"message/rfc822", "message/global", "text/rfc822-headers"} and is_report:
            returned.append(_text(part))
        elif part.get_filename() or not media_type.startswith("text/"):
            attachments.append(_attachment(part, len(attachments) + 1))
        else:
            (htmls if media_type == "text/html" else texts).append(_text(part))
    return Reading(
        kind="NDR" if delivery_status else "report" if htmls or attachments else "mail",
        headers=read_headers(content),
        texts=tuple(texts),
        htmls=tuple(htmls),
        delivery_status=tuple(delivery_status),
        returned=tuple(returned),
        attachments=tuple(attachments),
    )


def _leaves(part: Message) -> Iterator[Message]:
    """Walk the parts, without going into messages that are attached or returned."""
    if part.get_content_maintype() != "multipart":
        yield part
        return
    payload = part.get_payload()
    for each in payload if isinstance(payload, list) else []:
        if isinstance(each, Message):
            yield from _leaves(each)


def _status_groups(part: Message) -> list[Fields]:
    groups = part.get_payload()
    return [_fields(group) for group in groups if isinstance(group, Message) and group.keys()]


def _fields(part: Message) -> Fields:
    return tuple((name, _decoded(str(value))) for name, value in part.items())


def _decoded(value: str) -> str:
    unfolded = " ".join(value.split())
    try:
        return str(make_header(decode_header(unfolded)))
    except (MessageError, LookupError, ValueError):
        return unfolded


def _content(part: Message) -> bytes:
    """Give a leaf's bytes."""
    payload = part.get_payload()
    if isinstance(payload, list):
        # a message within the message: the parser opens it
        return b"".join(each.as_bytes() for each in payload if isinstance(each, Message))
    decoded = part.get_payload(decode=True)
    return decoded if isinstance(decoded, bytes) else b""


def _text(part: Message) -> str:
    charset = part.get_content_charset("utf-8")
    try:
        return _content(part).decode(charset, "replace")
    except LookupError:
        return _content(part).decode("utf-8", "replace")


def _attachment(part: Message, position: int) -> Attachment:
    media_type = part.get_content_type()
    name = _decoded(part.get_filename("") or f"part-{position}.{media_type.rpartition('/')[2]}")
    return Attachment(name, media_type, _content(part))
