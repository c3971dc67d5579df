"""Putting the parts of a multipart/report together (RFC 6522, RFC 3464 section 2)."""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

from services.ndr_worker.composition.returned import Extent, Returned, ReturnedContent

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
_DESCRIBED = {Extent.WHOLE: b"", Extent.HEADER: b" header", Extent.CUT_HEADER: b" header, cut"}


class Parts(NamedTuple):
    """What a report is made of.

    Attributes:
        words: The part for people, from its Content-Type on.
        status: The body of the part for programs.
        back: What comes back of the original.
        content_size: Octets of the original.
        is_failure: Whether the report is of a failure, and not of a delay or a delivery.
        is_global: Whether the status part is of the type that RFC 6533 defines.
    """

    words: bytes
    status: bytes
    back: Returned
    content_size: int
    is_failure: bool
    is_global: bool

    @property
    def eight_bit(self) -> bool:
        """Whether a part has 8-bit octets."""
        content = self.back.content
        return self.is_global or (content is not None and content.encoding == b"8bit")


def multipart_report(header: str, mail_id: str, parts: Parts) -> bytes:
    """Return the message, CRLF lines.

    Args:
        header: Its fields up to MIME-Version.
        mail_id: For the boundary.
        parts: What it is made of.
    """
    names = _NAMES_OF_FAILURE if parts.is_failure else _NAMES
    content_type = _GLOBAL_TYPE if parts.is_global else _CLASSIC_TYPE
    entities = [names[0] + parts.words, names[1] + content_type + parts.status]
    if content := parts.back.content:
        entities.append(names[2] + _content_part(parts.back.extent, content, parts.content_size))
    boundary = _boundary(mail_id, entities)
    start = (
        f"{header}Content-Type: multipart/report; report-type=delivery-status;\r\n"
        f' boundary="{boundary}"\r\n'
        f"{_EIGHT_BIT if parts.eight_bit else ''}"
    ).encode()
    delimiter = f"\r\n--{boundary}".encode("ascii")
    return b"%b%b--\r\n" % ((delimiter + b"\r\n").join([start, *entities]), delimiter)


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
