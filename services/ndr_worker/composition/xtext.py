"""Decoding of xtext, the form ENVID and ORCPT travel in (RFC 3461 section 4)."""

import re

# xchar is any printable ASCII character but "+" and "="; hexchar is "+" and two upper-case hex digits.
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")


def is_plain(encoded: str) -> bool:
    """Whether the value is valid and stands for itself; the common case, recognised without a pattern."""
    return (
        encoded.isascii()
        and encoded.isprintable()
        and not (" " in encoded or "+" in encoded or "=" in encoded)
    )


def decode(encoded: str) -> str | None:
    """The text behind an xtext value.

    Args:
        encoded: The parameter's value as given.

    Returns:
        The decoded text if the value is valid xtext and every character behind it is printable ASCII, so that
        it can stand in a 7-bit field; else None.
    """
    if not _XTEXT.fullmatch(encoded):
        return None
    if "+" not in encoded:
        return encoded
    decoded = _HEXCHAR.sub(lambda match: chr(int(match[1], 16)), encoded)
    return decoded if decoded.isascii() and decoded.isprintable() and decoded.strip() else None
