"""How a header or DSN field is written: folding, dates, encoded-words."""

from base64 import b64encode
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

#: Preferred and longest line, in characters without CRLF (RFC 5322 section 2.1.1).
PREFERRED_LINE = 78
LONGEST_LINE = 998

# A word longer than this is cut: a line of it, with its indent, stays within LONGEST_LINE.
_LONGEST_WORD = 900
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TWO_DIGITS = tuple(f"{number:02}" for number in range(60))
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
    two = _TWO_DIGITS
    return (
        f"{_day(moment.toordinal())} {two[moment.hour]}:{two[moment.minute]}:{two[moment.second]} "
        f"{'+0000' if moment.tzinfo is UTC else _zone(moment.utcoffset())}"
    )


# Entries of a batch share their day.
@lru_cache(maxsize=64)
def _day(ordinal: int) -> str:
    day = date.fromordinal(ordinal)
    return f"{_DAYS[day.weekday()]}, {day.day:02} {_MONTHS[day.month - 1]} {day.year:04}"


@lru_cache(maxsize=64)
def _zone(offset: timedelta | None) -> str:
    minutes = int(offset.total_seconds() / 60) if offset else 0
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def has_longer_line(message: bytes, longest: int = LONGEST_LINE) -> bool:
    """Whether a line of octets is too long, its CRLF not counted.

    Leaps from one line end to the last one within reach, so that short lines cost nothing.

    Args:
        message: Octets with CRLF line ends only.
        longest: Octets a line may have.
    """
    start, size = 0, len(message)
    while size - start > longest:
        end = message.rfind(b"\r\n", start, start + longest + 2)
        if end < 0:
            return True
        start = end + 2
    return False


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
