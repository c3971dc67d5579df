"""The third part of a DSN: the original message, its header, or nothing (RFC 6522 section 3).

A whole message is returned when it fits the limit and every line of it may travel as it is. In any other case
its header fields are returned as text/rfc822-headers (RFC 3461 section 6.2): a fragment of a body is never
passed off as a message. The size limit is hard and cuts between fields.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from services.ndr_worker.bounce import BouncedMessage
from services.ndr_worker.composition import original
from services.ndr_worker.composition.fields import LONGEST_LINE, folded, has_longer_line

# RFC 2046 section 5.2.1: a message/rfc822 has at least one of these.
_NAMES_ITSELF = re.compile(rb"^(?:from|subject|date)[ \t]*:", re.IGNORECASE | re.MULTILINE)
# In a returned header: a raw 8-bit octet names no charset to show it in, and ESC might reach a terminal.
_KEPT = frozenset(b"\t\r\n") | frozenset(range(32, 127))
_SAFE = bytes(octet if octet in _KEPT else ord("?") for octet in range(256))
# Readers that walk into nested parts would take the failed recipients of a notification we return for ours,
# so that anybody could have an address of his choice reported as failed.
_STATUS_REPORT = b"delivery-status"
_MESSAGE = b"Content-Type: message/rfc822\r\n"
_EIGHT_BIT_MESSAGE = _MESSAGE + b"Content-Transfer-Encoding: 8bit\r\n"
_HEADERS = b"Content-Type: text/rfc822-headers\r\n"
_BLANKS = re.compile(r"[ \t]+")


class Extent(StrEnum):
    """How much of the original comes back; each has its sentence in the first part."""

    WHOLE = "whole"
    HEADER = "header"
    CUT_HEADER = "cut_header"
    NO_HEADER = "no_header"
    WITHHELD = "withheld"
    GONE = "gone"


class ReturnedContent(NamedTuple):
    """The part that returns the original.

    Attributes:
        fields: Its Content-Type, and its Content-Transfer-Encoding unless that is `7bit`.
        body: The octets, CRLF line ends only.
        truncated: Whether the size limit left something out; the first part says so.
        eight_bit: Whether the body has 8-bit octets.
    """

    fields: bytes
    body: bytes
    truncated: bool = False
    eight_bit: bool = False


class Returned(NamedTuple):
    """What comes back to the sender.

    Attributes:
        extent: How much that is.
        content: The third part, or None for a DSN of two parts.
        fields: The original's header fields as far as known, for its Message-ID.
    """

    extent: Extent
    content: ReturnedContent | None
    fields: bytes


def returned(message: BouncedMessage, *, limit: int, eight_bit: bool, header_only: bool = False) -> Returned:
    """Decide what of the original comes back.

    Args:
        message: The bounced message.
        limit: Most octets of it to return; 0 for none.
        eight_bit: Whether the DSN may travel as 8BITMIME all the way.
        header_only: Whether nothing failed, so that the header is enough (RFC 3461 sections 4.3 and 6.2).

    Returns:
        The part, if any.
    """
    content = message.content
    if not content:
        return Returned(Extent.GONE, None, b"")
    complete = message.content_size <= len(content)
    fields = original.header_block(content, complete=complete)
    if limit <= 0:
        return Returned(Extent.WITHHELD, None, fields)
    # RFC 8689 section 5: a message that required TLS is treated as RET=HDRS.
    header_only = header_only or message.requiretls or (message.ret or "").upper() == "HDRS"
    if complete and not header_only and len(content) <= limit:
        whole = _whole(content, fields, limit, eight_bit=eight_bit)
        if whole:
            return Returned(Extent.WHOLE, whole, fields)
    return _header(message, fields, limit, header_only=header_only)


def _whole(content: bytes, fields: bytes, limit: int, *, eight_bit: bool) -> ReturnedContent | None:
    """The message as message/rfc822, or None if it can't travel as it is."""
    body = original.normalised(content)
    seven_bit = body.isascii()
    if (
        len(body) > limit
        or not (seven_bit or (eight_bit and fields.isascii()))
        or not _NAMES_ITSELF.search(fields)
        or has_longer_line(body)
        or _STATUS_REPORT in body.lower()
    ):
        return None
    return ReturnedContent(_MESSAGE if seven_bit else _EIGHT_BIT_MESSAGE, body, eight_bit=not seven_bit)


def _header(message: BouncedMessage, fields: bytes, limit: int, *, header_only: bool) -> Returned:
    """The header fields as text/rfc822-headers, always 7-bit."""
    body = _safe_header(fields)
    if len(body) > limit:
        body = original.up_to_field_boundary(body, limit)
    if not body:
        return Returned(Extent.NO_HEADER, None, fields)
    cut = len(body) < len(fields)
    truncated = cut or (not header_only and message.content_size > limit)
    return Returned(
        Extent.CUT_HEADER if cut else Extent.HEADER,
        ReturnedContent(_HEADERS, body, truncated),
        fields,
    )


def _safe_header(fields: bytes) -> bytes:
    safe = fields.translate(_SAFE)
    if not has_longer_line(safe):
        return safe
    return "\r\n".join(map(_bearable, safe.decode("ascii").split("\r\n"))).encode("ascii")


def _bearable(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else folded(_BLANKS.sub(" ", line), width=LONGEST_LINE)
