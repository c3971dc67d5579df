"""A last structural look at a composed DSN, cheap enough for every one: what fails it does not go out."""

from services.ndr_worker.composition.fields import LONGEST_LINE, has_longer_line

_REPORT_TYPE = b'\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n boundary="'
_STATUS_TYPES = (
    b"\r\nContent-Type: message/delivery-status\r\n\r\n",
    b"\r\nContent-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
)
_PARTS = (2, 3)


def defects(message: bytes, recipients: int) -> str | None:
    """The first thing wrong with a composed DSN.

    Args:
        message: The DSN.
        recipients: How many recipients it must report.

    Returns:
        What is wrong, or None.
    """
    return line_defect(message) or _structure_defect(message, recipients)


def line_defect(message: bytes) -> str | None:
    """The first thing wrong with the lines of any composed mail, or None."""
    pairs = message.count(b"\r\n")
    if not message.count(b"\r") == pairs == message.count(b"\n"):
        return "a bare CR or LF"
    if b"\0" in message:
        return "a NUL"
    if has_longer_line(message):
        return f"a line longer than {LONGEST_LINE} octets"
    return None


def _structure_defect(message: bytes, recipients: int) -> str | None:
    start = message.find(_REPORT_TYPE) + len(_REPORT_TYPE)
    boundary = message[start : message.find(b'"', start)]
    header, *parts = message.split(b"\r\n--" + boundary)
    if start < len(_REPORT_TYPE) or not boundary or b"\r\n\r\n" in header:
        return "no multipart/report header"
    if not parts or parts.pop() != b"--\r\n":
        return "no closing delimiter"
    if len(parts) not in _PARTS:
        return f"{len(parts)} parts, neither 2 nor 3"
    report = _status_report(parts[1])
    if report is None:
        return "no delivery-status part in second place"
    blocks = report.lower().split(b"\r\n\r\n")[1:]
    if len(blocks) != recipients or any(_final_recipients(block) != 1 for block in blocks):
        return f"other than {recipients} recipient blocks"
    return None


def _status_report(part: bytes) -> bytes | None:
    """The body of a status part, from the line end in front of its first field."""
    end = part.find(b"\r\n\r\n") + 4
    return part[end - 2 :] if part[:end].endswith(_STATUS_TYPES) else None


def _final_recipients(block: bytes) -> int:
    return (b"\r\n" + block).count(b"\r\nfinal-recipient:")
