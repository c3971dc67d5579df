"""Submitting mail over one SMTP connection, opened when it is needed and kept for the next mail.

`smtplib` opens the connection and reads replies; the transaction is ours, because its `sendmail` knows
neither pipelining nor one result per recipient, nor on which side of the final dot a connection was lost.
"""

import smtplib
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress

from services.mail_relay import attempt
from services.mail_relay.attempt import Peer, RecipientResult
from services.mail_relay.envelope import envelope_commands, lacking_extension, malformed, message_text
from services.mail_relay.reply import Reply, read_reply
from services.mail_relay.server import SmtpServer
from shared.errors import MailroomError
from shared.settings.model import RelaySettings
from shared.wire import Mail

#: Commands of one write: small enough that neither side's socket buffers fill (RFC 2920 section 3.1).
_PIPELINE = 100
#: Reply codes with a meaning of their own: go on with the text; the server is closing the connection.
_START_MAIL_INPUT, _CLOSING = 354, 421
#: Seconds a server has to answer QUIT; nothing depends on it.
_QUIT_TIMEOUT = 2.0


class ConnectionLost(MailroomError):
    """There is no connection to the mail server, or it ended; the message says how."""


class _Connection:
    """An open connection and what is known of it."""

    def __init__(self, client: smtplib.SMTP, host: str) -> None:
        if client.sock is None:
            raise ConnectionLost(f"the connection to {host} ended")
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client = client
        self.socket = client.sock
        self.peer = Peer(host, client.sock.getpeername()[0])
        self.extensions = frozenset(client.esmtp_features)
        self.mails = 0
        self.last_used = time.monotonic()


class Submission:
    """One SMTP connection at a time, for one thread at a time.

    Args:
        server: where to.
        host_name: what EHLO says.
        settings: when a connection is opened anew, and how long things may take.
        tls: default verifies the server's certificate and name.
    """

    def __init__(
        self,
        server: SmtpServer,
        host_name: str,
        settings: RelaySettings,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._host_name = host_name
        self._mails_per_connection = settings.mails_per_connection
        self._idle_timeout = settings.idle_timeout.total_seconds()
        self._timeout = settings.smtp_timeout.total_seconds()
        self._lease = settings.attempt_lease.total_seconds()
        self._tls = tls or ssl.create_default_context()
        self._connection: _Connection | None = None
        self._deadline = 0.0

    def submit(self, mail: Mail, recipients: Sequence[str], message: bytes) -> list[RecipientResult]:
        """Send a message to some of its recipients, all in one transaction that ends before the lease does.

        Args:
            mail: the envelope; its reverse-path is well formed.
            recipients: of `mail`, those to send to; untrusted.
            message: CRLF lines, not dot-stuffed.

        Returns:
            One result for each recipient, in no particular order; trouble with the server is a result too.
        """
        self._deadline = time.monotonic() + self._lease
        flaws = {recipient: malformed(recipient) for recipient in recipients}
        results = [attempt.refused_as_malformed(name, flaw) for name, flaw in flaws.items() if flaw]
        sendable = [recipient for recipient, flaw in flaws.items() if not flaw]
        return results + self._transact(mail, sendable, message) if sendable else results

    def close(self) -> None:
        """Say goodbye; the next mail would open a new connection."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.socket.settimeout(_QUIT_TIMEOUT)
                self._connection.client.quit()
        self._drop()

    def _transact(self, mail: Mail, recipients: list[str], message: bytes) -> list[RecipientResult]:
        try:
            connection, accepted, results = self._offer_over_live_connection(mail, recipients, len(message))
        except ConnectionLost as lost:
            self._drop()
            return [attempt.postponed(recipient, str(lost)) for recipient in recipients]
        if accepted:
            results += self._send_text(connection, accepted, message)
        else:
            self._reset(connection)
        connection.mails += 1
        connection.last_used = time.monotonic()
        return results

    def _offer_over_live_connection(
        self, mail: Mail, recipients: list[str], size: int
    ) -> tuple[_Connection, list[str], list[RecipientResult]]:
        """Offer the envelope; a kept connection that turns out to be dead is replaced once."""
        connection = self._kept_connection()
        if connection is not None:
            try:
                return connection, *self._offer(connection, mail, recipients, size)
            except ConnectionLost:
                self._drop()
        connection = self._open()
        return connection, *self._offer(connection, mail, recipients, size)

    def _offer(
        self, connection: _Connection, mail: Mail, recipients: list[str], size: int
    ) -> tuple[list[str], list[RecipientResult]]:
        """Send MAIL and RCPT; returns the recipients accepted and the results of the others."""
        lacks = {name: lacking_extension(mail, name, connection.extensions) for name in recipients}
        refused = [
            attempt.refused_for_lack(name, lack, connection.peer) for name, lack in lacks.items() if lack
        ]
        named = [name for name, lack in lacks.items() if not lack]
        if not named:
            return [], refused
        commands = envelope_commands(mail, named, size, connection.extensions)
        accepted, results = attempt.after_envelope(named, self._ask(connection, commands), connection.peer)
        return accepted, refused + results

    def _send_text(
        self, connection: _Connection, recipients: list[str], message: bytes
    ) -> list[RecipientResult]:
        """Send DATA and the message; a connection lost behind the final dot leaves doubt (RFC 1047)."""
        peer, sent = connection.peer, False
        try:
            (reply,) = self._ask(connection, [b"DATA\r\n"])
            if reply.code == _START_MAIL_INPUT:
                self._send(connection, message_text(message))
                sent = True
                reply = self._reply(connection)
            elif reply.accepted:
                raise ConnectionLost(f"the server answered DATA with {reply.transcript}")  # noqa: TRY301 - same end
            else:
                self._reset(connection)
        except ConnectionLost as lost:
            self._drop()
            reason = f"after the message was sent: {lost}" if sent else str(lost)
            return [attempt.postponed(name, reason, peer, in_doubt=sent) for name in recipients]
        if reply.code == _CLOSING:
            self._drop()
        return [attempt.answered(recipient, reply, peer) for recipient in recipients]

    def _ask(self, connection: _Connection, commands: list[bytes]) -> list[Reply]:
        """Send commands, as many at a time as the server allows, and return their replies.

        Raises:
            ConnectionLost: it ended, or the server says that it will (421).
        """
        at_once = _PIPELINE if "pipelining" in connection.extensions else 1
        replies: list[Reply] = []
        for start in range(0, len(commands), at_once):
            chunk = commands[start : start + at_once]
            self._send(connection, b"".join(chunk))
            for _ in chunk:
                reply = self._reply(connection)
                if reply.code == _CLOSING:
                    raise ConnectionLost(reply.transcript)
                replies.append(reply)
        return replies

    def _send(self, connection: _Connection, octets: bytes) -> None:
        try:
            connection.socket.settimeout(self._time_left())
            connection.client.send(octets)
        except OSError as error:
            raise ConnectionLost(f"the connection to {connection.peer.name} ended ({error})") from error

    def _reply(self, connection: _Connection) -> Reply:
        try:
            connection.socket.settimeout(self._time_left())
            code, text = connection.client.getreply()
        except OSError as error:
            raise ConnectionLost(f"the connection to {connection.peer.name} ended ({error})") from error
        if code < 0:
            raise ConnectionLost(f"{connection.peer.name} answered with what is no SMTP reply")
        return read_reply(code, text)

    def _time_left(self) -> float:
        """Seconds that the next step may take: past the lease another relay may send the same mail."""
        left: float = min(self._timeout, self._deadline - time.monotonic())
        if left <= 0:
            raise TimeoutError("the attempt took too long")
        return left

    def _reset(self, connection: _Connection) -> None:
        """End a transaction in which no message was sent."""
        try:
            self._ask(connection, [b"RSET\r\n"])
        except ConnectionLost:
            self._drop()

    def _kept_connection(self) -> _Connection | None:
        """The open connection, unless it has served enough or was idle too long."""
        kept = self._connection
        if kept is not None and (
            kept.mails >= self._mails_per_connection or time.monotonic() - kept.last_used > self._idle_timeout
        ):
            self.close()
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.client.close()
            self._connection = None

    def _open(self) -> _Connection:
        """Connect, secure, introduce, authenticate; a refusal here concerns the server, not the mail."""
        server = self._server
        client: smtplib.SMTP | None = None
        try:
            client = self._connect(server)
            if server.security == "starttls":
                client.starttls(context=self._tls)
            client.ehlo_or_helo_if_needed()
            if server.user is not None:
                client.login(server.user, server.password)
        # every exception of smtplib is an OSError; a name or password it cannot encode is a ValueError
        except (OSError, ValueError) as error:
            if client is not None:
                client.close()
            raise ConnectionLost(
                f"the mail server {server.host}:{server.port} cannot be used ({error})"
            ) from error
        self._connection = _Connection(client, server.host)
        return self._connection

    def _connect(self, server: SmtpServer) -> smtplib.SMTP:
        timeout = self._time_left()
        if server.security == "tls":
            return smtplib.SMTP_SSL(
                server.host, server.port, self._host_name, timeout=timeout, context=self._tls
            )
        return smtplib.SMTP(server.host, server.port, self._host_name, timeout=timeout)
