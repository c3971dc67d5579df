"""Envelope addresses: which senders can be written to, and how an address stands in a DSN field."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from services.ndr_worker.composition import sanitise, xtext

#: Longest path in octets (RFC 5321 section 4.5.3.1.3). A local part may exceed its 64: BATV, SRS and VERP do.
MAX_ADDRESS = 256

_ATOM = r"[!#$%&'*+\-/=?^_`{|}~A-Za-z0-9\u0080-\U0010ffff]"
# Dots may lead, trail or repeat in a local part: mobile carriers have given out such addresses for decades.
_DOT_STRING = re.compile(rf"(?:{_ATOM}|\.)+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_DOMAIN = re.compile(rf"{_ATOM}+(?:\.{_ATOM}+)*")
_SOURCE_ROUTE = re.compile(r"@(?:\[[^\]]*\]|[^\[\]@,:]+)(?:,@(?:\[[^\]]*\]|[^\[\]@,:]+))*:")
_BATV_TAG = re.compile(r"prvs=[^=@]+=", re.IGNORECASE)
_ADDR_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
# RFC 6533 section 3: what QCHAR leaves out stands as an embedded Unicode character, also "+" and "=".
_EMBEDDED = re.compile(r"[^!-*,-<>-\[\]-~]")
_BEYOND_ASCII = re.compile(r"[^!-~]")


def without_source_route(path: str) -> str:
    """A path's mailbox: `@a,@b:user@d` is `user@d` (RFC 5321 section 6.1); else itself, byte for byte."""
    if not path.startswith("@"):
        return path
    route = _SOURCE_ROUTE.match(path)
    return path[route.end() :] if route else path


def untagged(address: str) -> str:
    """The address to compare by: without a BATV tag, case folded. Never the address to write to."""
    return _BATV_TAG.sub("", address, count=1).casefold()


def malformed_sender(sender: str) -> str | None:
    """Why no notification can be addressed to this sender.

    Args:
        sender: A reverse-path that is not null; a source route on it is no fault.

    Returns:
        The reason, or None for an address that can be used.
    """
    address = without_source_route(sender)
    if sanitise.is_unsafe(address):
        return "sender has control or invisible characters"
    if len(address.encode()) > MAX_ADDRESS:
        return f"sender is longer than {MAX_ADDRESS} octets"
    local_part, at, domain = address.rpartition("@")
    if not at:
        return "sender has no @"
    return _malformed_local_part(local_part) or _malformed_domain(domain)


def _malformed_local_part(local_part: str) -> str | None:
    if _DOT_STRING.fullmatch(local_part) or _QUOTED.fullmatch(local_part):
        return None
    if not local_part:
        return "sender has no local part"
    if '"' in local_part:
        return "sender has unbalanced or misplaced quotes"
    return "sender has characters that need quotes in its local part"


def _malformed_domain(domain: str) -> str | None:
    if domain.startswith("["):
        return None if _is_domain_literal(domain) else "sender has a domain literal that is no address"
    return None if _DOMAIN.fullmatch(domain) else "sender has no valid domain"


def _is_domain_literal(domain: str) -> bool:
    inner = domain[1:-1]
    try:
        if inner[:5].upper() == "IPV6:":
            IPv6Address(inner[5:])
        else:
            IPv4Address(inner)
    except AddressValueError:
        return False
    return domain.endswith("]") and "%" not in inner


def typed(address: str) -> str:
    r"""An envelope recipient as a DSN field shows it.

    Args:
        address: The address, untrusted.

    Returns:
        `rfc822; address` exactly as in the envelope, or `utf-8; address` with `\x{HEX}` when it is not ASCII
        (RFC 6533 section 3): a 7-bit report can always be sent, and parsers know its types. Controls become
        question marks, so that no address can add a field.
    """
    if address.isascii():
        if not address.isprintable() or len(address) > sanitise.MAX_LINE:
            address = "".join(c if c.isprintable() else "?" for c in address[: sanitise.MAX_LINE])
        return f"rfc822; {address}"
    return f"utf-8; {_EMBEDDED.sub(_embed, address)[: sanitise.MAX_LINE]}"


def typed_raw(address: str) -> str:
    """The same for a report that travels as SMTPUTF8: `utf-8; address` as it is (RFC 6533 section 3)."""
    if address.isascii():
        return typed(address)
    safe = sanitise.printable(address).encode()[: sanitise.MAX_LINE].decode(errors="ignore")
    return f"utf-8; {safe}"


def original_recipient(orcpt: str) -> str | None:
    """ORCPT as an Original-Recipient shows it: address type kept, xtext decoded (RFC 3461 section 6.3 d).

    Args:
        orcpt: The parameter as given, `rfc822;user+2Bx@example.com`.

    Returns:
        `rfc822; user+x@example.com`, or None when the parameter is not valid.
    """
    address_type, semicolon, encoded = orcpt.partition(";")
    if address_type == "rfc822" and encoded and len(orcpt) <= sanitise.MAX_LINE and xtext.is_plain(encoded):
        return f"rfc822; {encoded}"
    if not semicolon or not _ADDR_TYPE.fullmatch(address_type) or len(orcpt) > sanitise.MAX_LINE:
        return None
    if address_type.lower() == "utf-8":
        # Its 7-bit form is not xtext: "\x{HEX}" stays, what is raw (SMTPUTF8) is embedded.
        return f"utf-8; {_BEYOND_ASCII.sub(_embed, encoded)[: sanitise.MAX_LINE]}" if encoded else None
    decoded = xtext.decode(encoded)
    if decoded is None:
        return None
    return f"{'rfc822' if address_type.lower() == 'rfc822' else address_type}; {decoded}"


def _embed(match: re.Match[str]) -> str:
    point = ord(match[0])
    is_control = point < 0x20 or 0x7F <= point <= 0x9F or 0xD800 <= point <= 0xDFFF  # noqa: PLR2004 -- Unicode's own numbers
    return "?" if is_control else f"\\x{{{point:02X}}}"
