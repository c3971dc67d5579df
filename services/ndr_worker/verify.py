"""A last structural look at a composed NDR, cheap enough for every one: what fails it does not go out."""

import re

from services.ndr_worker.fields import LONGEST_LINE

_BOUNDARY = re.compile(
    rb'\r\nContent-Type: multipart/report;[^\r]*(?:\r\n[ \t][^\r]*)*boundary="([^"]{1,70})"'
)
_STATUS_PART = b"\r\nContent-Type: message/delivery-status\r\n\r\n"


def defects(message: bytes, recipients: int) -> str | None:
    """The first thing wrong with a composed NDR.

    Args:
        message: The NDR.
        recipients: How many recipients it must report.

    Returns:
        What is wrong, or None.
    """
    return _line_defect(message) or _structure_defect(message, recipients)


def _line_defect(message: bytes) -> str | None:
    pairs = message.count(b"\r\n")
    if not message.count(b"\r") == pairs == message.count(b"\n"):
        return "a bare CR or LF"
    if b"\0" in message:
        return "a NUL"
    if max(map(len, message.split(b"\r\n"))) > LONGEST_LINE:
        return f"a line longer than {LONGEST_LINE} octets"
    return None


def _structure_defect(message: bytes, recipients: int) -> str | None:
    header_end = message.find(b"\r\n\r\n")
    boundary = _BOUNDARY.search(message, 0, header_end + 2)
    if header_end < 0 or not boundary:
        return "no multipart/report header"
    delimiter = b"\r\n--" + boundary[1]
    if not message.endswith(delimiter + b"--\r\n"):
        return "no closing delimiter"
    parts = message[header_end:].split(delimiter)[1:-1]
    if len(parts) not in (2, 3):
        return f"{len(parts)} parts, neither 2 nor 3"
    status_header, found, report = parts[1].partition(_STATUS_PART)
    if not found or b"\r\n\r\n" in status_header:
        return "no delivery-status part in second place"
    blocks = report.split(b"\r\n\r\n")[1:]
    if len(blocks) != recipients or any(_final_recipients(block) != 1 for block in blocks):
        return f"other than {recipients} recipient blocks"
    return None


def _final_recipients(block: bytes) -> int:
    return (b"\r\n" + block).lower().count(b"\r\nfinal-recipient:")
