"""The envelope as SMTP commands: what may be said to a server, and what never reaches it."""

import re
from collections.abc import Container, Iterable, Iterator, Sequence

from shared.wire import Mail

#: Octets of one write of a message, for each of which the server has its time.
_BLOCK = 64 * 1024
_LINE_END = re.compile(rb"\r?\n|\r")
#: Longest path in octets (RFC 5321 section 4.5.3.1.3).
MAX_ADDRESS_OCTETS = 256
#: RFC 3461 section 5.4.
_MAX_ENVID_CHARACTERS = 100
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


def needs_smtputf8(mail: Mail, recipients: Iterable[str]) -> bool:
    """Whether only a server with SMTPUTF8 can take this mail for these recipients (RFC 6531)."""
    return mail.smtputf8 or not all(address.isascii() for address in (mail.mail_from, *recipients))


def envelope_commands(
    mail: Mail, recipients: Sequence[str], size: int, extensions: Container[str]
) -> list[bytes]:
    """Compose MAIL and one RCPT per recipient, each with its CRLF.

    A server with DSN is told that nobody is to be notified of what becomes of a notification (RFC 3461
    section 6.1). For a mail with a sender NOTIFY is left out, which asks for what its sender wants: to be
    told of failures, and of delays where the server does that. Of the mail it gets only the header back,
    because a report's attachment is large and at hand where it came from, and the id to know it by.

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
    if needs_smtputf8(mail, recipients):
        parameters += " SMTPUTF8"
    notify = ""
    if "dsn" in extensions:
        if mail.mail_from == "":
            notify = " NOTIFY=NEVER"
        else:
            parameters += f" RET=HDRS{_envid(mail.mail_id)}"
    return [
        f"MAIL FROM:<{mail.mail_from}>{parameters}\r\n".encode(),
        *(f"RCPT TO:<{recipient}>{notify}\r\n".encode() for recipient in recipients),
    ]


def crlf_lines(message: bytes) -> bytes:
    """Return a message whose lines end with CRLF and nothing else (RFC 5321 section 2.3.8).

    What a producer writes has such lines and is returned as it is. Behind a stray CR or LF some servers would
    take a dot for the end of the message, and what follows for commands.
    """
    if message.count(b"\r\n") == message.count(b"\r") == message.count(b"\n"):
        return message
    return _LINE_END.sub(b"\r\n", message)


def text_blocks(message: bytes, length: int = _BLOCK) -> Iterator[bytes]:
    """Cut a message of `crlf_lines` into what follows DATA: dots stuffed, final dot behind it.

    RFC 5321 section 4.5.2. A large message is never copied whole.

    Args:
        message: what is sent.
        length: of a block, about.
    """
    end, at_line_start = 0, True
    while end < len(message) or end == 0:
        start, end = end, end + length
        if message[end - 1 : end] == b"\r":
            end += 1
        block = message[start:end].replace(b"\r\n.", b"\r\n..")
        if at_line_start and block.startswith(b"."):
            block = b"." + block
        at_line_start = block.endswith(b"\r\n") or not block
        if end >= len(message):
            block += b".\r\n" if at_line_start else b"\r\n.\r\n"
        yield block


def _envid(mail_id: str) -> str:
    """The mail id in xtext (RFC 3461 section 4), unless it is longer than servers take."""
    xtext = re.sub(r"[^!-*,-<>-~]", lambda match: f"+{ord(match[0]):02X}", mail_id)
    return f" ENVID={xtext}" if len(xtext) <= _MAX_ENVID_CHARACTERS else ""
