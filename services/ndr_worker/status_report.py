"""The second part of an NDR: message/delivery-status, for programs (RFC 3464 section 2)."""

from collections.abc import Sequence

from services.ndr_worker import address, sanitise, xtext
from services.ndr_worker.bounce import BouncedMessage, FailedRecipient
from services.ndr_worker.fields import date_time, folded
from services.ndr_worker.reply import Outcome


def reporting_mta(announce_mta: str) -> str:
    """The Reporting-MTA field: type `dns` only for a domain name or a literal (RFC 3461 section 6.3 b)."""
    qualified = "." in announce_mta.strip(".") or announce_mta.startswith("[")
    return f"Reporting-MTA: {'dns' if qualified else 'x-local-hostname'}; {announce_mta}\r\n"


def status_report(
    reporting_mta_field: str,
    message: BouncedMessage,
    recipients: Sequence[tuple[FailedRecipient, Outcome]],
    *,
    confidential: bool,
) -> bytes:
    """The body of the message/delivery-status part.

    Args:
        reporting_mta_field: From `reporting_mta`, CRLF included.
        message: The bounced message.
        recipients: Each reported recipient with its outcome, in the order to show.
        confidential: Whether to leave out Remote-MTA, Final-Log-ID and extensions (RFC 3464 section 4.2).

    Returns:
        7-bit octets: a block for the message and one per recipient, an empty line between them.
    """
    blocks = [_message_block(reporting_mta_field, message, confidential=confidential)]
    blocks += [
        _recipient_block(message.message_id, recipient, outcome, confidential=confidential)
        for recipient, outcome in recipients
    ]
    return "\r\n".join(blocks).encode("ascii")


def _message_block(reporting_mta_field: str, message: BouncedMessage, *, confidential: bool) -> str:
    envelope_id = _envelope_id(message.envelope_id) if message.envelope_id else None
    received_from = None if confidential else _server(message.helo, message.received_from)
    block = f"Original-Envelope-Id: {envelope_id}\r\n" if envelope_id else ""
    block += reporting_mta_field
    if received_from:
        block += f"Received-From-MTA: dns; {received_from}\r\n"
    block += f"Arrival-Date: {date_time(message.received_at)}\r\n"
    if confidential:
        return block
    block += f"X-Mailroom-Queue-ID: {message.message_id}\r\n"
    if message.envelope_id and not envelope_id:
        block += "X-Mailroom-Original-Envelope-Id: left out, ENVID is not valid\r\n"
    return block


def _envelope_id(envid: str) -> str | None:
    return xtext.decode(envid) if len(envid) <= sanitise.MAX_LINE else None


def _recipient_block(
    message_id: int, recipient: FailedRecipient, outcome: Outcome, *, confidential: bool
) -> str:
    """One block, its fields in the order of the grammar (RFC 3464 section 2.3)."""
    orcpt = recipient.original_recipient
    original_recipient = address.original_recipient(orcpt) if orcpt else None
    block = f"Original-Recipient: {original_recipient}\r\n" if original_recipient else ""
    block += f"Final-Recipient: {address.typed(recipient.recipient)}\r\n"
    block += f"Action: failed\r\nStatus: {outcome.status}\r\n"
    # Beside a Remote-MTA the diagnostic is that server's (section 2.3.6): our own reasons stand without one.
    if (outcome.from_server or not recipient.diagnostic) and not confidential:
        remote_mta = _server(recipient.remote_mta, recipient.remote_ip)
        if remote_mta:
            block += f"Remote-MTA: dns; {remote_mta}\r\n"
    block += diagnostic_code(outcome)
    if recipient.last_attempt_at:
        block += f"Last-Attempt-Date: {date_time(recipient.last_attempt_at)}\r\n"
    if confidential:
        return block
    block += f"Final-Log-ID: {message_id}-{recipient.entry_id}\r\n"
    if orcpt and not original_recipient:
        block += "X-Mailroom-Original-Recipient: left out, ORCPT is not valid\r\n"
    return block


def _server(name: str | None, ip: str | None) -> str | None:
    """A server as a `dns` MTA name: its name with its address as a comment, or a literal (RFC 3461 9.3)."""
    if name:
        return f"{sanitise.host(name)} ({sanitise.host(ip)})" if ip else sanitise.host(name)
    if not ip:
        return None
    return f"[IPv6:{sanitise.host(ip)}]" if ":" in ip else f"[{sanitise.host(ip)}]"


def diagnostic_code(outcome: Outcome) -> str:
    """The Diagnostic-Code field; each reply line after the first stands behind a blank (RFC 3461 9.2)."""
    kind = "smtp" if outcome.from_server else "X-Mailroom"
    text = "\r\n ".join(
        folded(line) for line in (f"Diagnostic-Code: {kind}; {outcome.lines[0]}", *outcome.lines[1:])
    )
    return f"{text if text.isascii() else _question_marks(text)}\r\n"


def _question_marks(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii")
