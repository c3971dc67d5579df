"""The MIME form of text for people: one leaf, or two alternatives of the same words."""

import binascii
from functools import lru_cache

_QUOTED_PRINTABLE = b"utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"


def leaf(text: str, language: str) -> bytes:
    """A text/plain entity: its header from Content-Type on, an empty line, its lines."""
    start = _start(language)
    if text.isascii():
        return start + b"us-ascii\r\n\r\n" + text.encode("ascii")
    return start + _QUOTED_PRINTABLE + _quoted_printable(text)


@lru_cache
def _start(language: str) -> bytes:
    return f"Content-Language: {language}\r\nContent-Type: text/plain; charset=".encode("ascii")


def alternatives(text: str, html: str, language: str, boundary: bytes) -> bytes:
    """A multipart/alternative entity of plain text and HTML.

    Args:
        text: Lines joined by CRLF.
        html: The page.
        language: Of both.
        boundary: Begins with `=_`, which no line of quoted-printable can hold; nothing else is in it.
    """
    start = f"Content-Language: {language}\r\nContent-Type: multipart/alternative; boundary=".encode("ascii")
    delimiter = b"\r\n--" + boundary
    entities = (
        start + b'"' + boundary + b'"\r\n',
        b"Content-Type: text/plain; charset=" + _QUOTED_PRINTABLE + _quoted_printable(text),
        b"Content-Type: text/html; charset=" + _QUOTED_PRINTABLE + _quoted_printable(_crlf(html)),
    )
    return (delimiter + b"\r\n").join(entities) + delimiter + b"--\r\n"


def _quoted_printable(text: str) -> bytes:
    # Keeps the part 7-bit whatever route the mail takes; a leaf may be encoded. The first line end decides
    # which one is used for soft breaks: all of ours are CRLF.
    return binascii.b2a_qp(text.encode(), istext=True)


def _crlf(text: str) -> str:
    return "\r\n".join(text.splitlines()) + "\r\n"
