"""How a header or DSN field is written: folding, dates, encoded-words."""

from base64 import b64encode
from datetime import date, datetime
from functools import lru_cache

#: Preferred and longest line, in characters without CRLF (RFC 5322 section 2.1.1).
PREFERRED_LINE = 78
LONGEST_LINE = 998

# A word longer than this is cut: a line of it, with its indent, stays within LONGEST_LINE.
_LONGEST_WORD = 900
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# An encoded-word is at most 75 octets (RFC 2047 section 2): 12 of frame, 60 of base64, which hold 45.
_ENCODED_WORD_OCTETS = 45


def folded(line: str, indent: str = " ", width: int = PREFERRED_LINE) -> str:
    """A line folded at its blanks.

    Args:
        line: One line without CR and LF.
        indent: What continuation lines begin with.
        width: The longest line wanted; a longer word stands on a line of its own.

    Returns:
        Lines joined by CRLF, without one at the end; none is longer than 998 characters.
    """
    if len(line) <= width:
        return line
    lines: list[str] = []
    line = line.rstrip(" ")
    while len(line) > width:
        text_start = len(line) - len(line.lstrip(" "))
        cut = line.rfind(" ", text_start, width + 1)
        if cut < 0:
            cut = line.find(" ", max(width, text_start), _LONGEST_WORD)
        if cut < 0:
            if len(line) <= _LONGEST_WORD:
                break
            cut = _LONGEST_WORD
        lines.append(line[:cut])
        line = indent + line[cut:].lstrip(" ")
    lines.append(line)
    return "\r\n".join(lines)


def date_time(moment: datetime) -> str:
    """A moment as RFC 5322 section 3.3 writes it: English names, numeric zone (UTC if none)."""
    iso = moment.isoformat(" ", "seconds")
    return f"{_day(iso[:10])} {iso[11:19]} {iso[19:22] or '+00'}{iso[23:25] or '00'}"


@lru_cache(maxsize=64)
def _day(iso_date: str) -> str:
    day = date.fromisoformat(iso_date)
    return f"{_DAYS[day.weekday()]}, {day.day:02} {_MONTHS[day.month - 1]} {day.year:04}"


def encoded_words(text: str) -> str:
    """Text as RFC 2047 encoded-words, each at most 75 octets and never cut inside a character.

    Args:
        text: Printable text.

    Returns:
        Encoded-words separated by blanks, which readers remove again.
    """
    words: list[str] = []
    chunk = b""
    for character in text:
        octets = character.encode()
        if len(chunk) + len(octets) > _ENCODED_WORD_OCTETS:
            words.append(_encoded_word(chunk))
            chunk = b""
        chunk += octets
    words.append(_encoded_word(chunk))
    return " ".join(words)


def _encoded_word(octets: bytes) -> str:
    return f"=?utf-8?B?{b64encode(octets).decode()}?="
