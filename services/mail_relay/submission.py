"""Submitting mail over one SMTP connection at a time, opened when it is needed and kept for the next mail."""

import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from services.mail_relay import attempt
from services.mail_relay.attempt import RecipientResult
from services.mail_relay.connection import CLOSING, Connection, ConnectionLost
from services.mail_relay.envelope import crlf_lines, envelope_commands, malformed, text_blocks
from services.mail_relay.extensions import obstacle
from services.mail_relay.reply import Reply
from services.mail_relay.server import SmtpServer
from services.mail_relay.signature import Sign, signing
from shared.errors import MailroomError
from shared.settings import Settings
from shared.settings.relay import RelaySettings
from shared.telemetry import tracing
from shared.wire import Mail

_START_MAIL_INPUT = 354


class CaFileUnusable(MailroomError):
    """The file with the certificate authorities can't be used; the message says why."""


def always() -> bool:
    """Say that an attempt is still ours."""
    return True


class Submission:
    """One SMTP connection at a time, for one thread at a time.

    Args:
        server: where to.
        host_name: what EHLO says.
        settings: when a connection is opened anew, and how long things may take.
        tls: verifies the server's certificate and name; default: as `settings` say.
        sign: puts a signature in front of a message; default: as `settings` say.

    Raises:
        CaFileUnusable: `ca_file` holds no certificates.
        DkimUnusable: mail can't be signed as the settings ask.
    """

    def __init__(
        self,
        server: SmtpServer,
        host_name: str,
        settings: RelaySettings,
        tls: ssl.SSLContext | None = None,
        sign: Sign | None = None,
    ) -> None:
        self._server = server
        self._host_name = host_name
        self._settings = settings
        self._tls = tls or verifying(settings.ca_file)
        self._sign = sign or signing(settings.dkim)
        self._connection: Connection | None = None

    @classmethod
    def several(cls, settings: Settings) -> list[Self]:
        """Make as many as `relay.connections` says; none is opened yet.

        Raises:
            MailroomError: the settings can't be used; the message says which, and what to do.
        """
        server = SmtpServer.from_url(settings.smtp_url)
        tls, sign = verifying(settings.relay.ca_file), signing(settings.relay.dkim)
        return [
            cls(server, settings.host_name, settings.relay, tls, sign)
            for _ in range(settings.relay.connections)
        ]

    def connect(self) -> None:
        """Make sure that a connection is open, so that an attempt is begun only when it can be made.

        A kept connection that the server has closed in the meantime is replaced.

        Raises:
            ConnectionLost: the server can't be used now; the message says why.
        """
        self._open_connection()

    def submit(
        self, mail: Mail, recipients: Sequence[str], message: bytes, ours: Callable[[], bool] = always
    ) -> list[RecipientResult]:
        """Send a message to some of its recipients, all in one transaction.

        Args:
            mail: the envelope; its reverse-path is well formed.
            recipients: of `mail`, those to send to; untrusted.
            message: CRLF lines, not dot-stuffed; it is signed here.
            ours: asked before the text is sent; if it says no, another relay may be sending it.

        Returns:
            One result for each recipient, in no particular order; trouble with the server is a result too.
        """
        flaws = {recipient: malformed(recipient) for recipient in recipients}
        results = [attempt.refused_as_malformed(name, flaw) for name, flaw in flaws.items() if flaw]
        sendable = [recipient for recipient, flaw in flaws.items() if not flaw]
        if not sendable:
            return results
        try:
            return results + self._transact(mail, sendable, self._sign(crlf_lines(message)), ours)
        except Exception:
            # `ours` may fail: what was begun must not be in the way of the next mail
            self._drop()
            raise

    def close(self) -> None:
        """Say goodbye; the next mail would open a new connection."""
        if self._connection is not None:
            self._connection.quit()
            self._connection = None

    def _transact(
        self, mail: Mail, recipients: list[str], message: bytes, ours: Callable[[], bool]
    ) -> list[RecipientResult]:
        try:
            connection, accepted, results = self._offer_over_live_connection(mail, recipients, len(message))
        except ConnectionLost as lost:
            tracing.fail(lost)
            self._drop()
            return [attempt.postponed(recipient, str(lost)) for recipient in recipients]
        if accepted and ours():
            results += self._send_text(connection, accepted, message)
        else:
            self._reset(connection)
            results += [attempt.postponed(name, "the attempt's lease was lost") for name in accepted]
        connection.mails += 1
        connection.last_used = time.monotonic()
        return results

    def _offer_over_live_connection(
        self, mail: Mail, recipients: list[str], size: int
    ) -> tuple[Connection, list[str], list[RecipientResult]]:
        """Offer the envelope; a kept connection that turns out to be dead is replaced once."""
        connection = self._open_connection()
        if connection.mails:
            try:
                return connection, *self._offer(connection, mail, recipients, size)
            except ConnectionLost:
                self._drop()
                connection = self._open_connection()
        return connection, *self._offer(connection, mail, recipients, size)

    def _offer(
        self, connection: Connection, mail: Mail, recipients: list[str], size: int
    ) -> tuple[list[str], list[RecipientResult]]:
        """Send MAIL and RCPT; returns the recipients accepted and the results of the others."""
        peer, extensions = connection.peer, connection.extensions
        obstacles = {name: obstacle(mail, name, size, peer.name, extensions) for name in recipients}
        refused = [
            attempt.refused_for_server(name, found, peer) for name, found in obstacles.items() if found
        ]
        named = [name for name, found in obstacles.items() if not found]
        if not named:
            return [], refused
        timeouts = self._settings.timeouts
        replies = connection.ask_in_a_row(
            envelope_commands(mail, named, size, extensions), [timeouts.mail, *[timeouts.rcpt] * len(named)]
        )
        _trace_envelope(replies)
        accepted, results = attempt.after_envelope(named, replies, peer)
        return accepted, refused + results

    def _send_text(
        self, connection: Connection, recipients: list[str], message: bytes
    ) -> list[RecipientResult]:
        """Send DATA and the message; a connection lost behind the final dot leaves doubt (RFC 1047)."""
        peer, sent = connection.peer, False
        try:
            reply = connection.ask(b"DATA\r\n", self._settings.timeouts.data)
            tracing.event("smtp.data", reply_code=reply.code)
            if reply.code == _START_MAIL_INPUT:
                connection.send_text(text_blocks(message))
                sent = True
                reply = connection.reply(self._settings.timeouts.final)
                tracing.event("smtp.final", reply_code=reply.code)
            elif reply.accepted:
                raise ConnectionLost(f"the server answered DATA with {reply.transcript}")  # noqa: TRY301 - same end
            else:
                self._reset(connection)
        except ConnectionLost as lost:
            tracing.fail(lost)
            self._drop()
            reason = f"after the message was sent: {lost}" if sent else str(lost)
            return [attempt.postponed(name, reason, peer, in_doubt=sent) for name in recipients]
        if reply.code == CLOSING:
            self._drop()
        return [attempt.answered(recipient, reply, peer) for recipient in recipients]

    def _reset(self, connection: Connection) -> None:
        """End a transaction in which no message was sent."""
        try:
            connection.ask(b"RSET\r\n", self._settings.timeouts.mail)
        except ConnectionLost:
            self._drop()

    def _open_connection(self) -> Connection:
        """The kept connection, unless it has served its time or is dead; else a new one."""
        kept = self._connection
        if kept is not None:
            if not kept.is_quiet():
                self._drop()
            elif self._has_served(kept):
                self.close()
        if self._connection is None:
            self._connection = Connection.open(
                self._server, self._host_name, self._settings.timeouts, self._tls
            )
            tracing.event("smtp.connected", server=self._server.host)
        return self._connection

    def _has_served(self, connection: Connection) -> bool:
        now = time.monotonic()
        return (
            connection.mails >= self._settings.mails_per_connection
            or now - connection.opened > self._settings.connection_lifetime.total_seconds()
            or now - connection.last_used > self._settings.idle_timeout.total_seconds()
        )

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _trace_envelope(replies: Sequence[Reply]) -> None:
    """Note what the server answered: once to MAIL, and to RCPT each different code, as there may be many."""
    if tracing.active():
        to_mail, *to_recipients = (reply.code for reply in replies)
        tracing.event("smtp.mail", reply_code=to_mail)
        for code in sorted(set(to_recipients)):
            tracing.event("smtp.rcpt", reply_code=code, recipients=to_recipients.count(code))


def verifying(ca_file: Path | None) -> ssl.SSLContext:
    """Make what verifies a server's certificate and name; there is none that does not.

    Args:
        ca_file: authorities to trust instead of the system's.

    Raises:
        CaFileUnusable: it can't be read or holds no certificates.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise CaFileUnusable(
            f"relay.ca_file {ca_file} cannot be used ({error}); name a readable file with certificates in PEM"
        ) from error
