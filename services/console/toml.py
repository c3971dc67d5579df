"""Writing TOML: sections of plain values, nothing more (TOML 1.0)."""

import re
from collections.abc import Mapping, Sequence

#: What a settings file holds: a text, a number, a yes or no, a list of texts, a table.
Value = str | int | float | bool | Sequence[str] | Mapping[str, "Value"]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
#: What must not stand as itself in a basic string.
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')
_SHORT_ESCAPES = {'"': r"\"", "\\": r"\\", "\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r"}


def document(sections: Mapping[str, Mapping[str, Value]]) -> str:
    """Write sections; the one named "" stands first, without a heading."""
    top = _lines(sections.get("", {}))
    rest = ["\n".join([f"[{_key(name)}]", *_lines(section)]) for name, section in sections.items() if name]
    return "\n\n".join(["\n".join(top), *rest] if top else rest) + "\n"


def _lines(section: Mapping[str, Value]) -> list[str]:
    return [f"{_key(name)} = {_value(value)}" for name, value in section.items()]


def _value(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case int() | float():
            return repr(value)
        case Mapping():
            return "{" + ", ".join(f"{_key(name)} = {_value(item)}" for name, item in value.items()) + "}"
        case _:
            return "[" + ", ".join(map(_value, value)) + "]"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _string(name)


def _string(text: str) -> str:
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    return _SHORT_ESCAPES.get(match[0], f"\\u{ord(match[0]):04x}")
