"""The third part of an NDR: the original message, its header, or nothing (RFC 6522 section 3).

A whole message is returned when it fits the limit and every line of it may travel as it is. In any other case
its header fields are returned as text/rfc822-headers (RFC 3461 section 6.2): a fragment of a body is never
passed off as a message. The size limit is hard and cuts between fields.
"""

import re
from dataclasses import dataclass

from services.ndr_worker import original
from services.ndr_worker.bounce import BouncedMessage
from services.ndr_worker.fields import LONGEST_LINE, folded

# RFC 2046 section 5.2.1: a message/rfc822 has at least one of these.
_NAMES_ITSELF = re.compile(rb"^(?:from|subject|date)[ \t]*:", re.IGNORECASE | re.MULTILINE)
# In a returned header: a raw 8-bit octet names no charset to show it in, and ESC might reach a terminal.
_KEPT = frozenset(b"\t\r\n") | frozenset(range(32, 127))
_SAFE = bytes(octet if octet in _KEPT else ord("?") for octet in range(256))
# Readers that walk into nested parts would take the failed recipients of a notification we return for ours,
# so that anybody could have an address of his choice reported as failed.
_STATUS_REPORT = b"delivery-status"
_BLANKS = re.compile(r"[ \t]+")


@dataclass(frozen=True, slots=True)
class ReturnedContent:
    """The part that returns the original.

    Attributes:
        content_type: `message/rfc822` or `text/rfc822-headers`.
        description: For Content-Description.
        encoding: `7bit` or `8bit`, the Content-Transfer-Encoding of the part.
        body: The octets, CRLF line ends only.
        truncated: Whether the size limit left something out; its description and the first part say so.
    """

    content_type: bytes
    description: bytes
    encoding: bytes
    body: bytes
    truncated: bool


@dataclass(frozen=True, slots=True)
class Returned:
    """What comes back to the sender, and the sentence that says so.

    Attributes:
        content: The third part, or None for an NDR of two parts.
        explanation: For the first part of the NDR.
        fields: The original's header fields as far as known, for its Message-ID.
    """

    content: ReturnedContent | None
    explanation: str
    fields: bytes


def returned(message: BouncedMessage, *, limit: int, eight_bit: bool) -> Returned:
    """Decide what of the original comes back.

    Args:
        message: The bounced message.
        limit: Most octets of it to return; 0 for none.
        eight_bit: Whether the NDR may travel as 8BITMIME all the way.

    Returns:
        The part, if any, and its explanation.
    """
    content = message.content
    if not content:
        return Returned(None, "The message itself is no longer available and is not returned.", b"")
    complete = message.content_size <= len(content)
    fields = original.header_block(content, complete=complete)
    if limit <= 0:
        return Returned(None, "The message itself is not returned with this notification.", fields)
    # RFC 8689 section 5: a message that required TLS is treated as RET=HDRS.
    header_only = message.requiretls or (message.ret or "").upper() == "HDRS"
    if complete and not header_only and len(content) <= limit:
        whole = _whole(content, fields, limit, eight_bit=eight_bit)
        if whole:
            return Returned(whole, "Your message is attached.", fields)
    return _header(message, fields, limit, header_only=header_only)


def _whole(content: bytes, fields: bytes, limit: int, *, eight_bit: bool) -> ReturnedContent | None:
    """The message as message/rfc822, or None if it can't travel as it is."""
    body = original.normalised(content)
    seven_bit = body.isascii()
    if (
        len(body) > limit
        or not (seven_bit or (eight_bit and fields.isascii()))
        or not _NAMES_ITSELF.search(fields)
        or max(map(len, body.split(b"\r\n"))) > LONGEST_LINE
        or _STATUS_REPORT in body.lower()
    ):
        return None
    return ReturnedContent(
        content_type=b"message/rfc822",
        description=b"Undelivered message",
        encoding=b"7bit" if seven_bit else b"8bit",
        body=body,
        truncated=False,
    )


def _header(message: BouncedMessage, fields: bytes, limit: int, *, header_only: bool) -> Returned:
    """The header fields as text/rfc822-headers, always 7-bit."""
    body = original.up_to_field_boundary(_safe_header(fields), limit)
    if not body:
        return Returned(None, "The message has no header that could be returned.", fields)
    cut = len(body) < len(fields)
    truncated = cut or (not header_only and message.content_size > limit)
    octets = f" ({len(body)} of {message.content_size} octets)" if truncated else ""
    what = "The first fields of its header are" if cut else "Only its header is"
    return Returned(
        ReturnedContent(
            content_type=b"text/rfc822-headers",
            description=f"Undelivered message header{', cut' if cut else ''}{octets}".encode(),
            encoding=b"7bit",
            body=body,
            truncated=truncated,
        ),
        f"The body of your message is not returned.\r\n{what} attached{octets}.",
        fields,
    )


def _safe_header(fields: bytes) -> bytes:
    safe = fields.translate(_SAFE)
    if len(safe) <= LONGEST_LINE or max(map(len, safe.split(b"\r\n"))) <= LONGEST_LINE:
        return safe
    return "\r\n".join(map(_bearable, safe.decode("ascii").split("\r\n"))).encode("ascii")


def _bearable(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else folded(_BLANKS.sub(" ", line), width=LONGEST_LINE)
