"""Putting the parts of a multipart/report together (RFC 6522, RFC 3464 section 2)."""

import itertools

from services.ndr_worker.composition.returned import Extent, Returned, ReturnedContent

_EIGHT_BIT = "Content-Transfer-Encoding: 8bit\r\n"
# No parameters and no Content-Transfer-Encoding: RFC 3464 section 2.1, and parsers compare the line.
_CLASSIC_TYPE = b"Content-Type: message/delivery-status\r\n\r\n"
_GLOBAL_TYPE = b"Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
# How Content-Description names the three parts; the line end in front is the delimiter's.
_NAMES_OF_FAILURE = (
    b"\r\nContent-Description: Non-Delivery Notification\r\n",
    b"\r\nContent-Description: Non-Delivery Report\r\n",
    b"\r\nContent-Description: Undelivered message",
)
_NAMES = (
    b"\r\nContent-Description: Delivery Notification\r\n",
    b"\r\nContent-Description: Delivery Report\r\n",
    b"\r\nContent-Description: Message",
)
_DESCRIBED = {Extent.WHOLE: b"", Extent.HEADER: b" header", Extent.CUT_HEADER: b" header, cut"}


def multipart_report(
    header: str,
    mail_id: str,
    words: bytes,
    status: bytes,
    back: Returned,
    *,
    content_size: int,
    is_failure: bool,
    is_global: bool,
    eight_bit: bool,
) -> bytes:
    """Return the message, CRLF lines.

    Args:
        header: Its fields up to MIME-Version.
        mail_id: For the boundary.
        words: The part for people, from its Content-Type on.
        status: The body of the part for programs.
        back: What comes back of the original.
        content_size: Octets of the original.
        is_failure: Whether the report is of a failure, and not of a delay or a delivery.
        is_global: Whether the status part is of the type that RFC 6533 defines.
        eight_bit: Whether a part has 8-bit octets.
    """
    words_name, status_name, original_name = _NAMES_OF_FAILURE if is_failure else _NAMES
    status_type = _GLOBAL_TYPE if is_global else _CLASSIC_TYPE
    entities = [words_name + words, status_name + status_type + status]
    if content := back.content:
        entities.append(original_name + _content_part(back.extent, content, content_size))
    boundary = _boundary(mail_id, b"".join(entities))
    start = (
        f"{header}Content-Type: multipart/report; report-type=delivery-status;\r\n"
        f' boundary="{boundary}"\r\n'
        f"{_EIGHT_BIT if eight_bit else ''}"
    )
    return f"\r\n--{boundary}".encode("ascii").join([start.encode(), *entities, b"--\r\n"])


def _content_part(extent: Extent, content: ReturnedContent, content_size: int) -> bytes:
    fields, body, truncated, _ = content
    if not truncated:
        return b"%b\r\n%b\r\n%b" % (_DESCRIBED[extent], fields, body)
    size = b"%d of %d octets" % (len(body), content_size)
    return b"%b (%b)\r\n%bX-Mailroom-Truncated: %b\r\n\r\n%b" % (_DESCRIBED[extent], size, fields, size, body)


def _boundary(mail_id: str, parts: bytes) -> str:
    """A boundary that occurs in no part (RFC 2046 section 5.1.1), the same each time the NDR is composed."""
    for counter in itertools.count():
        # No line of quoted-printable can hold "=_".
        boundary = f"=_{mail_id}_{counter}"
        # From the end, where the boundary's rare first letter is compared first.
        if parts.rfind(boundary.encode("ascii")) < 0:
            break
    return boundary
