"""Untrusted text made safe for one line of a header, a DSN field or a terminal.

A remote server chooses the text of its reply. A CR or LF in it would let that server add fields of its own
(a `Final-Recipient` of its choice, which list software would then unsubscribe), an ESC would reach the
reader's terminal, a bidi override would reorder what the reader sees. Nearly all text is printable ASCII, so
that case is recognised first and costs one look.
"""

import re

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Format characters that reorder or hide text: soft hyphen, zero-width, bidi marks and overrides, tags.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_NOT_HOST = re.compile(r"[^!-'*-:<-~]")

#: Longest text taken from outside for a single-line field, in characters; leaves room for the field's name.
MAX_LINE = 900


def printable(text: str, limit: int = MAX_LINE) -> str:
    """One line of text that can be shown: no controls, no invisible or reordering characters.

    Args:
        text: Any text, lone surrogates included.
        limit: Longest result in characters.

    Returns:
        The text itself when it is harmless; else controls as spaces, format characters removed, cut short.
    """
    if len(text) > limit:
        text = text[: limit - 3] + "..."
    if text.isascii() and text.isprintable():
        return text
    visible = _INVISIBLE.sub("", _CONTROL.sub(" ", text))
    return visible.encode("utf-8", "replace").decode("utf-8")


def seven_bit(text: str, limit: int = MAX_LINE) -> str:
    """The same for a 7-bit field (RFC 3464 section 2.1): every other character becomes a question mark."""
    safe = printable(text, limit)
    return safe if safe.isascii() else safe.encode("ascii", "replace").decode("ascii")


def host(name: str) -> str:
    """A host name or address as one 7-bit token: no blank, parenthesis or semicolon, at most 255 long."""
    return _NOT_HOST.sub("?", name[:255])


def is_unsafe(text: str) -> bool:
    """Whether the text holds a control, format or surrogate character; none of them belongs in an address."""
    if text.isascii():
        return not text.isprintable()
    return printable(text, len(text)) != text
