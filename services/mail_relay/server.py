"""Which server mail is submitted to, as `MAILROOM_SMTP_URL` says."""

import ipaddress
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

from shared.errors import MailroomError

#: RFC 5321 section 4.5.4.2, RFC 8314 section 3.3, RFC 6409 section 3.1.
_SECURITY: dict[str, tuple[Literal["none", "tls", "starttls"], int]] = {
    "smtp": ("none", 25),
    "smtps": ("tls", 465),
    "smtp+starttls": ("starttls", 587),
}


class BadSmtpUrl(MailroomError):
    """The SMTP URL names no server, or one that can't be used as it says; the message says what to write."""


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A submission server.

    Attributes:
        host: name or address.
        port: TCP port.
        security: none, tls (from the first octet) or starttls (required); certificates are verified.
        user: or None for no AUTH.
        password: for `user`.
    """

    host: str
    port: int
    security: Literal["none", "tls", "starttls"] = "none"
    user: str | None = None
    password: str = field(default="", repr=False)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read a URL such as `smtp+starttls://user:password@host:port`; user and password percent-encoded.

        Raises:
            BadSmtpUrl: it is something else, or would send a password in plain text over a network; the
                message does not repeat the URL, which may hold a password.
        """
        try:
            parts = urlsplit(url)
            security, default_port = _SECURITY[parts.scheme]
            host, port = parts.hostname, parts.port or default_port
        except (KeyError, ValueError) as error:
            raise BadSmtpUrl(_ACCEPTED_FORM) from error
        if not host:
            raise BadSmtpUrl(_ACCEPTED_FORM)
        user = unquote(parts.username) if parts.username else None
        if user is not None and security == "none" and not _is_loopback(host):
            raise BadSmtpUrl(_IN_PLAIN_TEXT)
        return cls(host, port, security, user, unquote(parts.password or ""))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_ACCEPTED_FORM = (
    "MAILROOM_SMTP_URL names no server; write smtp://, smtps:// or smtp+starttls:// and then"
    " host:port or user:password@host:port"
)
_IN_PLAIN_TEXT = (
    "MAILROOM_SMTP_URL has a password and smtp://, which would send it in plain text over the network; write"
    " smtp+starttls:// or smtps:// instead (smtp:// with a password is for a server on this very host)"
)
