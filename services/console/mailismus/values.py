"""Mailismus' value syntax, with its quirks, into ours (ndr-original 2.1 to 2.6)."""

import re
from collections.abc import Mapping
from datetime import timedelta

from shared.settings.values import format_time_span

#: The value that means "nothing", where an empty one means "the default".
NULL = "-"
_YES = frozenset({"yes", "y", "true", "t", "on", "1"})
_NO = frozenset({"no", "n", "false", "f", "off", "0"})
#: Unlike ours, a unit may stand without its number, which then is 0; a bare number ends it.
_SPAN = re.compile(
    r"(?:(?P<days>\d*)d)?(?:(?P<hours>\d*)h)?(?:(?P<minutes>\d*)m(?!s))?"
    r"(?:(?P<seconds>\d*)s)?(?:(?P<milliseconds>\d*)ms|(?P<bare>\d+))?",
    re.ASCII,
)
_SIZE = re.compile(r"\+?(\d+[BKMG]?)", re.ASCII)
_LITERAL = "${$}"
_NESTING = 20


class Malformed(ValueError):
    """A value is not what Mailismus accepts; the message says why."""


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace `${NAME}` and `${NAME:default}`, defaults within defaults too; `${$}` is a literal `${`.

    Args:
        text: the value as it stands in the file.
        environment: NAME is looked up as it is, then in upper case with `_` for `.` and `-`. The original
            also asked Java's system properties, which are not known here.

    Raises:
        Malformed: `${` without its `}`, or a name without value and default.
    """
    return _expand(text, environment, _NESTING)


def _expand(text: str, environment: Mapping[str, str], depth: int) -> str:
    if depth == 0:
        raise Malformed("has too many ${...} within one another")
    done, position = [], 0
    while (start := text.find("${", position)) >= 0:
        done.append(text[position:start])
        if text.startswith(_LITERAL, start):
            done.append("${")
            position = start + len(_LITERAL)
            continue
        end = _closing(text, start)
        done.append(_looked_up(text[start + 2 : end], environment, depth))
        position = end + 1
    return "".join([*done, text[position:]])


def _looked_up(expression: str, environment: Mapping[str, str], depth: int) -> str:
    name, colon, default = expression.partition(":")
    found = environment.get(name, environment.get(re.sub(r"[.-]", "_", name.upper())))
    if found is not None:
        return found
    if not colon:
        raise Malformed(f"asks for ${{{name}}}, which the environment does not have; set it and import again")
    return _expand(default, environment, depth - 1)


def _closing(text: str, start: int) -> int:
    """Where the `}` is that belongs to the `${` at `start`."""
    depth = 0
    position = start
    while position < len(text):
        if text.startswith("${", position):
            depth += 1
            position += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    raise Malformed("has ${ without its }")


def time_span(text: str) -> str:
    """Return a time span in our syntax; an empty one is 0, a unit without a number counts 0."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise Malformed("is not a time span")
    try:
        parts = {unit: int(number or 0) for unit, number in match.groupdict().items()}
        milliseconds = parts.pop("milliseconds") + parts.pop("bare")
        return format_time_span(timedelta(**parts, milliseconds=milliseconds))
    except (OverflowError, ValueError):
        raise Malformed("is longer than any time span can be") from None


def size(text: str) -> str:
    """Return a size in our syntax, which differs by the sign."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise Malformed("is not a size of 0 or more")
    return match[1]


def number(text: str) -> int:
    """Return a whole number."""
    try:
        return int(text)
    except ValueError:
        raise Malformed("is not a whole number") from None


def yes_no(text: str) -> tuple[str, bool]:
    """Return Y or N, and whether the original meant it: it took whatever is not yes for no."""
    word = text.lower()
    return ("Y" if word in _YES else "N"), word in _YES | _NO


def items(text: str) -> tuple[str, ...]:
    """Return the items of a tuple, trimmed, empty ones dropped."""
    return tuple(item.strip() for item in text.split("|") if item.strip())
