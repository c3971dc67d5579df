"""The envelope as SMTP commands: what may be said to a server, and what never reaches it."""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from shared.wire import Mail

#: Longest path in octets (RFC 5321 section 4.5.3.1.3).
MAX_ADDRESS_OCTETS = 256
#: What a path too long is cut to for the ledger; still too long to be sent.
_LEDGER_CHARACTERS = MAX_ADDRESS_OCTETS + 44

#: Controls, line separators of any alphabet, what has no UTF-8, and the mark that stands for a NUL.
_NEVER = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffd"
#: Outside quotes, spaces and angle brackets would end the path and begin a parameter or a command.
_PATH = re.compile(rf'(?:"(?:[^"\\{_NEVER}]|\\[^{_NEVER}])*"|[^\s"<>{_NEVER}])+')


def ledger_name(recipient: str) -> str:
    """Return an envelope recipient as PostgreSQL can keep it; one that is changed stays malformed."""
    return recipient.replace("\0", "\ufffd")[:_LEDGER_CHARACTERS]


def malformed(address: str) -> str | None:
    """Say why an address cannot stand in an SMTP command; the rest of its syntax is the server's to judge.

    Args:
        address: an envelope address without angle brackets, untrusted.

    Returns:
        The reason, or None.
    """
    if not _PATH.fullmatch(address):
        return "the address is empty or has characters that would break an SMTP command"
    if len(address.encode()) > MAX_ADDRESS_OCTETS:
        return f"the address is longer than {MAX_ADDRESS_OCTETS} octets"
    return None


def lacking_extension(mail: Mail, recipient: str, extensions: AbstractSet[str]) -> str | None:
    """Name the extension that a server would need for this recipient and does not offer.

    Args:
        mail: what is to be sent.
        recipient: one of its recipients.
        extensions: keywords of the EHLO reply, lower case.

    Returns:
        `8BITMIME`, `SMTPUTF8` or None.
    """
    if mail.body == "8bitmime" and "8bitmime" not in extensions:
        return "8BITMIME"
    if "smtputf8" not in extensions and (_needs_smtputf8(mail) or not recipient.isascii()):
        return "SMTPUTF8"
    return None


def envelope_commands(
    mail: Mail, recipients: Sequence[str], size: int, extensions: AbstractSet[str]
) -> list[bytes]:
    """Compose MAIL and one RCPT per recipient, each with its CRLF.

    Args:
        mail: what is sent; its reverse-path is well formed.
        recipients: whom to name; each well formed and within what the server offers.
        size: octets of the message.
        extensions: keywords of the EHLO reply, lower case.
    """
    parameters = ""
    if "size" in extensions:
        parameters += f" SIZE={size}"
    if mail.body == "8bitmime":
        parameters += " BODY=8BITMIME"
    if _needs_smtputf8(mail) or not all(recipient.isascii() for recipient in recipients):
        parameters += " SMTPUTF8"
    # RFC 3461 section 6.1: nobody is to be notified of what becomes of a notification
    notify = " NOTIFY=NEVER" if mail.mail_from == "" and "dsn" in extensions else ""
    return [
        f"MAIL FROM:<{mail.mail_from}>{parameters}\r\n".encode(),
        *(f"RCPT TO:<{recipient}>{notify}\r\n".encode() for recipient in recipients),
    ]


def message_text(message: bytes) -> bytes:
    """Return a message as it follows DATA: dots stuffed (RFC 5321 section 4.5.2), final dot behind it.

    Lines end with CRLF. Should a bare LF stray in, a dot behind it is doubled too: some servers would take
    LF, dot, CRLF for the end of the message and what follows for commands.
    """
    stuffed = message.replace(b"\n.", b"\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


def _needs_smtputf8(mail: Mail) -> bool:
    return mail.smtputf8 or not mail.mail_from.isascii()
