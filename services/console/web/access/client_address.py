"""Whose address a failed login counts against: the nearest one that is no proxy of ours."""

from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from django.http import HttpRequest

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


def client_address_of(request: HttpRequest) -> str | None:
    """Return the address of whoever sent a request."""
    from services.console.web.project import mailroom_settings

    peer, forwarded_for = request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", "")
    return client_address(peer, forwarded_for, mailroom_settings().console.proxies)


def client_address(peer: str, forwarded_for: str, proxies: Iterable[_Network]) -> str | None:
    """Return the client's address as far as it can be believed.

    Anybody can write an X-Forwarded-For field; each proxy adds to its end whom it was asked by. So it is read
    from its end, and only as long as a proxy of ours is the one that wrote it.

    Args:
        peer: who opened the connection.
        forwarded_for: the field; empty when there is none.
        proxies: addresses of our reverse proxies.

    Returns:
        The address, in its canonical form; None when the connection has none.
    """
    trusted = tuple(proxies)
    client = _read(peer)
    for hop in reversed(forwarded_for.split(",")):
        if client is None or not any(client in network for network in trusted):
            break
        if (asked_by := _read(hop)) is None:
            break
        client = asked_by
    return str(client) if client else None


def _read(text: str) -> _Address | None:
    with suppress(ValueError):
        address = ip_address(text.strip().partition("%")[0])
        return getattr(address, "ipv4_mapped", None) or address
    return None
