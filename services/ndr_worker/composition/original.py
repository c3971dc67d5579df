"""What can be read from the first part of an original message: its header block, its Message-ID, its hops."""

import re

_EMPTY_LINE = b"\r\n\r\n"
_LINE_END = re.compile(rb"\r\n|\r|\n")
# ESC, SO and SI switch character sets in ISO-2022 bodies, FF is a page break; no other control is wanted.
_KEPT_CONTROLS = b"\t\n\r\f\x0e\x0f\x1b"
_QUESTION_MARK = ord("?")
_CONTROLS = bytes([*range(32), 127]).translate(None, _KEPT_CONTROLS)
_NEUTRAL = bytes(_QUESTION_MARK if octet in _CONTROLS else octet for octet in range(256))
_CLEAN = bytes(range(256)).translate(None, _CONTROLS)

_FIELDS = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*)*")
_FIRST_LINE = re.compile(rb"[!-9;-~]++[ \t]*+:[^\n]*+\n(?<=\r\n)")
# A CR that begins no CRLF, or that no field or continuation follows which ends with CRLF; the literal text in
# front is searched for fast.
_STOP = re.compile(rb"\r(?!\n(?:[ \t]|[!-9;-~]++[ \t]*+:)[^\n]*+\n(?<=\r\n))")
# With its value, folded or not. Spelled so that the line end in front is searched for fast.
_MESSAGE_ID = re.compile(rb"\n[Mm](?i:essage-id)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)")
_ID = re.compile(rb"<[!-;=?A-~]{1,400}@[!-;=?A-~]{1,400}>")
_RECEIVED = re.compile(rb"\nreceived[ \t]*:")


def normalised(content: bytes) -> bytes:
    """The content with CRLF line ends only, NUL and its like as question marks (RFC 5321 section 2.3.8)."""
    if content.translate(None, _CLEAN):
        content = content.translate(_NEUTRAL)
    return content if _has_normal_line_ends(content) else _LINE_END.sub(b"\r\n", content)


def _has_normal_line_ends(content: bytes) -> bool:
    return content.count(b"\n") == content.count(b"\r\n") == content.count(b"\r")


def header_block(content: bytes, *, complete: bool) -> bytes:
    """The header fields at the start of a message.

    Args:
        content: The message, or its first part.
        complete: Whether the content is the whole message.

    Returns:
        Whole fields, each line ended by CRLF. Reading stops at the first empty line or at a line that is no
        field, so that no body is ever taken for a header. A field the content was cut in is left out.
    """
    # Nearly every message: an orderly header that was read to its end.
    stop = _STOP.search(content)
    if stop and content.startswith(b"\n\r\n", stop.end()) and _FIRST_LINE.match(content):
        return content[: stop.end() + 1]
    return _header_block(normalised(content), complete=complete)


def _header_block(content: bytes, *, complete: bool) -> bytes:
    block, empty_line, _ = content.partition(_EMPTY_LINE)
    if empty_line or (complete and not block.endswith(b"\r\n")):
        block += b"\r\n"
    matched = _FIELDS.match(block)
    fields = matched[0] if matched else b""
    # What was read may end inside the last field, even where it ends with a line.
    cut = not empty_line and not complete and block[len(fields) :][:1] in (b"", b" ", b"\t")
    return up_to_field_boundary(fields, len(fields) - 1) if cut else fields


def up_to_field_boundary(fields: bytes, limit: int) -> bytes:
    """As many whole fields as fit.

    Args:
        fields: Header fields with CRLF line ends.
        limit: Octets.

    Returns:
        The longest run of whole fields from the start that is no longer than the limit.
    """
    if len(fields) <= limit:
        return fields
    end = limit
    while end > 0:
        end = fields.rfind(b"\r\n", 0, end)
        if end < 0:
            break
        if fields[end + 2 : end + 3] not in (b" ", b"\t"):
            return fields[: end + 2]
    return b""


def message_id(fields: bytes) -> str | None:
    """The Message-ID with its angle brackets, if the fields have exactly one and it is valid; else None."""
    found = _MESSAGE_ID.findall(b"\n" + fields)
    if len(found) != 1:
        return None
    value = found[0].strip()
    return value.decode("ascii") if _ID.fullmatch(value) else None


def hops(content: bytes, *, complete: bool) -> int:
    """How many Received fields the message has collected (RFC 5321 section 6.3), as far as was read."""
    return len(_RECEIVED.findall(b"\n" + header_block(content, complete=complete).lower()))
