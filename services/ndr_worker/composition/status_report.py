"""The second part of a DSN: message/delivery-status, for programs (RFC 3464 section 2)."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from services.ndr_worker.bounce import Action, BouncedMessage, FailedRecipient
from services.ndr_worker.composition import address, sanitise, xtext
from services.ndr_worker.composition.fields import date_time, folded
from services.ndr_worker.composition.log_id import log_id, queue_id
from services.ndr_worker.composition.reply import Outcome

_CRLF = "\r\n"
_NO_ENVID = "X-Mailroom-Original-Envelope-Id: left out, ENVID is not valid\r\n"
_NO_ORCPT = "X-Mailroom-Original-Recipient: left out, ORCPT is not valid\r\n"


class StatusReporter:
    """Writes the second part in the name of one system.

    Args:
        announce_mta: Name of this system, ASCII.
        confidential: Whether to leave out Remote-MTA, Final-Log-ID and extensions (RFC 3464 section 4.2).
    """

    def __init__(self, announce_mta: str, *, confidential: bool) -> None:
        # Type `dns` only for a domain name or a literal (RFC 3461 section 6.3 b).
        qualified = "." in announce_mta.strip(".") or announce_mta.startswith("[")
        self._reporting_mta = (
            f"Reporting-MTA: {'dns' if qualified else 'x-local-hostname'}; {announce_mta}\r\n"
        )
        self._confidential = confidential

    def report(
        self,
        message: BouncedMessage,
        action: Action,
        recipients: Sequence[tuple[FailedRecipient, Outcome]],
        until: datetime | None = None,
        *,
        raw: bool = False,
    ) -> bytes:
        """The body of the status part.

        Args:
            message: The message.
            action: What became of it.
            recipients: Each reported recipient with its outcome, in the order to show.
            until: How long a delayed message will be tried, if known.
            raw: Whether addresses stand as they are, for message/global-delivery-status (RFC 6533).

        Returns:
            A block for the message and one per recipient, an empty line between them; 7-bit unless raw.
        """
        end = f"Will-Retry-Until: {date_time(until)}\r\n" if until else ""
        typed = address.typed_raw if raw else address.typed
        blocks = [self._message_block(message)]
        for recipient, outcome in recipients:
            start = f"Final-Recipient: {typed(recipient.recipient)}\r\nAction: {action}\r\n"
            blocks.append(self._recipient_block(message.message_id, recipient, outcome, start, end))
        return "\r\n".join(blocks).encode()

    def _message_block(self, message: BouncedMessage) -> str:
        envelope_id = _envelope_id(message.envelope_id) if message.envelope_id else None
        start = f"Original-Envelope-Id: {envelope_id}\r\n" if envelope_id else ""
        arrival = f"Arrival-Date: {date_time(message.received_at)}\r\n"
        if self._confidential:
            return f"{start}{self._reporting_mta}{arrival}"
        received_from = _server(message.helo, message.received_from)
        return (
            f"{start}{self._reporting_mta}"
            f"{f'Received-From-MTA: dns; {received_from}{_CRLF}' if received_from else ''}"
            f"{arrival}X-Mailroom-Queue-ID: {queue_id(message.message_id)}\r\n"
            f"{_NO_ENVID if message.envelope_id and not envelope_id else ''}"
        )

    def _recipient_block(
        self,
        message_id: int,
        recipient: FailedRecipient,
        outcome: Outcome,
        start: str,
        end: str,
    ) -> str:
        """One block, its fields in the order of the grammar (RFC 3464 section 2.3)."""
        orcpt, last_attempt_at = recipient.original_recipient, recipient.last_attempt_at
        status, from_server, lines = outcome
        original_recipient = address.original_recipient(orcpt) if orcpt else None
        confidential = self._confidential
        # Beside a Remote-MTA the diagnostic is that server's (2.3.6): our own reasons stand without one.
        remote_mta = (
            _server(recipient.remote_mta, recipient.remote_ip)
            if (from_server or not recipient.diagnostic) and not confidential
            else None
        )
        return (
            f"{f'Original-Recipient: {original_recipient}{_CRLF}' if original_recipient else ''}"
            f"{start}Status: {status}\r\n"
            f"{f'Remote-MTA: dns; {remote_mta}{_CRLF}' if remote_mta else ''}"
            f"{diagnostic_code(outcome) if lines else ''}"
            f"{f'Last-Attempt-Date: {date_time(last_attempt_at)}{_CRLF}' if last_attempt_at else ''}"
            f"{'' if confidential else f'Final-Log-ID: {log_id(message_id, recipient.entry_id)}{_CRLF}'}{end}"
            f"{'' if confidential or original_recipient or not orcpt else _NO_ORCPT}"
        )


def _envelope_id(envid: str) -> str | None:
    return xtext.decode(envid) if len(envid) <= sanitise.MAX_LINE else None


# The same servers come back again and again: ours, our clients, the large providers.
@lru_cache(maxsize=4096)
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
    text = folded(f"Diagnostic-Code: {kind}; {outcome.lines[0]}")
    for line in outcome.lines[1:]:
        text += f"\r\n {folded(line)}"
    return f"{text if text.isascii() else _question_marks(text)}\r\n"


def _question_marks(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii")
