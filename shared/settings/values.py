"""The value syntax of the seed (ndr-original 2): time spans, sizes, yes and no, tuples, addresses.

Each parser takes what a TOML file or an environment variable holds and raises ValueError with the accepted
form, which is what an operator needs to read. A malformed boolean is an error here, not "no".
"""

import re
from contextlib import suppress
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SPAN = re.compile(
    r"(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m(?!s))?"
    r"(?:(?P<seconds>\d+)s)?(?:(?P<milliseconds>\d+)(?:ms)?)?"
)
_SIZE = re.compile(r"(\d+)([BKMG]?)")
_SIZE_UNITS = {"": 1, "B": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_YES = frozenset({"y", "yes", "true", "t", "on", "1"})
_NO = frozenset({"n", "no", "false", "f", "off", "0"})
#: Printable ASCII or beyond, no spaces, no brackets, one domain; quoted local parts stand as they are.
_ADDRESS = re.compile(
    r"(?:\"[^\"\x00-\x1f\x7f]+\"|[^\s\"<>()\[\],;:@\\\x00-\x1f\x7f]+)@[^\s<>@\x00-\x1f\x7f]+"
)
_MAX_ADDRESS_OCTETS = 254


def parse_time_span(value: object) -> timedelta:
    """Read a time span: `5s`, `1m`, `2d3h`; a bare number is milliseconds (seed 2.2).

    Raises:
        ValueError: it is something else; the message gives the accepted form.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | str) and not isinstance(value, bool):
        match = _SPAN.fullmatch(str(value).strip())
        if match and match.group():
            with suppress(OverflowError):
                return timedelta(**{unit: int(number) for unit, number in match.groupdict("0").items()})
    raise ValueError("not a time span; write 5s, 1m, 2d3h or 500ms (largest unit first; a bare number is ms)")


def format_time_span(span: timedelta) -> str:
    """Write a time span as the seed does: `2d3h10m59s12ms`, zero units left out, `0ms` for nothing."""
    milliseconds = round(abs(span) / timedelta(milliseconds=1))
    sign = "minus-" if span < timedelta() else ""
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        number, milliseconds = divmod(milliseconds, size)
        if number:
            parts.append(f"{number}{unit}")
    return sign + ("".join(parts) or "0ms")


def parse_size(value: object) -> int:
    """Read a size in octets or pieces: `100`, `4K`, `256K`, `1M`; K is 1024 (seed 2.3).

    Raises:
        ValueError: it is something else; the message gives the accepted form.
    """
    if isinstance(value, int | str) and not isinstance(value, bool):
        match = _SIZE.fullmatch(str(value).strip())
        if match:
            return int(match[1]) * _SIZE_UNITS[match[2]]
    raise ValueError("not a size; write a whole number, or one with K, M or G behind it: 100, 4K, 256K")


def parse_yes_no(value: object) -> bool:
    """Read a boolean: Y, YES, TRUE, T, ON, 1 or N, NO, FALSE, F, OFF, 0, in any case (seed 2.4).

    Raises:
        ValueError: it is something else; the message gives the accepted form.
    """
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise ValueError("neither yes nor no; write Y or N")


def parse_tuple(value: object) -> tuple[str, ...]:
    """Read a tuple: `a | b`; items are trimmed, empty ones dropped (seed 2.6). A TOML list is one too.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, str):
        value = value.split("|")
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(item.strip() for item in value if item.strip())
    raise ValueError("not a list; write items with | between them: a | b")


def parse_address(value: object) -> str:
    """Check a mail address: one `@`, a local part, a domain, no spaces, no angle brackets.

    Raises:
        ValueError: it is none.
    """
    address = str(value).strip()
    if _ADDRESS.fullmatch(address) and len(address.encode()) <= _MAX_ADDRESS_OCTETS:
        return address
    raise ValueError("not a mail address; write local-part@domain")


def parse_addresses(value: object) -> tuple[str, ...]:
    """Read a tuple of mail addresses.

    Raises:
        ValueError: one of them is none; the message names it.
    """
    for item in parse_tuple(value):
        try:
            parse_address(item)
        except ValueError as error:
            raise ValueError(f"{item!r} is {error}") from None
    return parse_tuple(value)


def parse_networks(value: object) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read a tuple of IP addresses and networks: `10.0.0.5 | 192.168.0.0/16`.

    Raises:
        ValueError: one of them is none; the message names it.
    """
    if isinstance(value, tuple) and all(isinstance(item, IPv4Network | IPv6Network) for item in value):
        return value
    networks = []
    for item in parse_tuple(value):
        try:
            networks.append(ip_network(item))
        except ValueError as error:
            raise ValueError(f"{item!r} is no IP address or network ({error})") from None
    return tuple(networks)


def parse_time_zone(value: object) -> str:
    """Check the name of a time zone.

    Raises:
        ValueError: there is none of this name.
    """
    try:
        return ZoneInfo(str(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone; write one such as Europe/Paris or UTC") from None


def parse_existing_folder(value: object) -> Path:
    """Check that a folder is there.

    Raises:
        ValueError: it is not.
    """
    path = Path(str(value))
    if not path.is_dir():
        raise ValueError("not a folder that exists; create it or correct the path")
    return path
