"""What a server says of itself in its answer to EHLO, and which mails it therefore can't take."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.mail_relay.envelope import needs_smtputf8
from shared.wire import Mail

#: RFC 1870 section 4; 0 is no limit.
_SIZE = re.compile("[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a server can't take a mail for a recipient; as permanent as if it had said so itself.

    Attributes:
        reason: for people; names the server.
        smtp_status: the basic code it would answer with.
        enhanced_status: likewise.
    """

    reason: str
    smtp_status: int
    enhanced_status: str


def read_extensions(lines: Sequence[str]) -> dict[str, str]:
    """Read the lines of an EHLO reply behind the first: keywords, in lower case, with their parameters.

    `AUTH=PLAIN`, as servers wrote before RFC 2554 was final, counts as `AUTH PLAIN`.
    """
    extensions: dict[str, str] = {}
    for line in lines:
        keyword, _, parameters = line.replace("AUTH=", "AUTH ", 1).partition(" ")
        extensions[keyword.lower()] = f"{extensions.get(keyword.lower(), '')} {parameters}".strip()
    return extensions


def size_limit(extensions: Mapping[str, str]) -> int | None:
    """Return the most octets of a message that a server takes (RFC 1870), or None where it names no limit."""
    announced = extensions.get("size", "")
    return int(announced) or None if _SIZE.fullmatch(announced) else None


def obstacle(
    mail: Mail, recipient: str, size: int, server: str, extensions: Mapping[str, str]
) -> Obstacle | None:
    """Say why a server can't take a mail for a recipient, or None.

    Args:
        mail: what is to be sent.
        recipient: one of its recipients.
        size: octets of the message.
        server: its name.
        extensions: of `read_extensions`.
    """
    limit = size_limit(extensions)
    if limit is not None and size > limit:
        return Obstacle(f"{server} takes messages of {limit} octets, and this one has {size}", 552, "5.3.4")
    if mail.body == "8bitmime" and "8bitmime" not in extensions:
        # RFC 6152 section 3
        return _lack("8BITMIME", server, 554, "5.6.3")
    if "smtputf8" in extensions or not needs_smtputf8(mail, [recipient]):
        return None
    # RFC 6531 section 3.5: by what needs it, the recipient, the sender or the header
    if not recipient.isascii():
        return _lack("SMTPUTF8", server, 553, "5.6.7")
    if not mail.mail_from.isascii():
        return _lack("SMTPUTF8", server, 550, "5.6.7")
    return _lack("SMTPUTF8", server, 554, "5.6.9")


def _lack(extension: str, server: str, smtp_status: int, enhanced_status: str) -> Obstacle:
    reason = f"{server} does not offer {extension}, which this message needs"
    return Obstacle(reason, smtp_status, enhanced_status)
