"""One SMTP connection: opened, secured, introduced and authenticated; then commands, replies and the text.

`smtplib` knows neither pipelining nor an end to what a server may answer, nor a time limit for each step
(RFC 5321 section 4.5.3.2) that a server can't stretch by answering one octet at a time.
"""

import base64
import socket
import ssl
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Self

from services.mail_relay.attempt import Peer
from services.mail_relay.extensions import read_extensions
from services.mail_relay.reply import Reply, read_reply
from services.mail_relay.server import SmtpServer
from shared.errors import MailroomError
from shared.settings.relay import TimeoutSettings

#: Commands of one write: small enough that neither side's socket buffers fill (RFC 2920 section 3.1).
_PIPELINE = 100
#: The longest reply that is read to its end; RFC 5321 section 4.5.3.1.5 has 512 octets for each line.
_MAX_REPLY_OCTETS = 64 * 1024
#: Reply code of a server that is closing the connection, whatever it was asked (RFC 5321 section 3.8).
CLOSING = 421


class ConnectionLost(MailroomError):
    """There is no connection to the mail server, or it ended; the message says how."""


class Connection:
    """An open connection, which must be closed.

    Attributes:
        peer: the server.
        extensions: what EHLO offered: keywords, lower case, with their parameters.
        opened: by the monotonic clock.
        last_used: by the monotonic clock.
        mails: transactions so far.
    """

    def __init__(self, stream: socket.socket, host: str, timeouts: TimeoutSettings) -> None:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.peer = Peer(host, stream.getpeername()[0])
        self.extensions: dict[str, str] = {}
        self.opened = self.last_used = time.monotonic()
        self.mails = 0
        self._stream = stream
        self._timeouts = timeouts
        self._received = b""

    @classmethod
    def open(cls, server: SmtpServer, host_name: str, timeouts: TimeoutSettings, tls: ssl.SSLContext) -> Self:
        """Connect, secure, introduce and authenticate.

        Args:
            server: where to.
            host_name: what EHLO says.
            timeouts: how long each step may take.
            tls: how the server's certificate is verified.

        Raises:
            ConnectionLost: any of it failed; the message says what, without the password.
        """
        try:
            with ExitStack() as undo:
                address = (server.host, server.port)
                stream = socket.create_connection(address, timeouts.connect.total_seconds())
                undo.callback(stream.close)
                connection = cls(stream, server.host, timeouts)
                # TLS puts a stream of its own in the place of ours
                undo.callback(connection.close)
                connection._begin(server, host_name, tls)
                undo.pop_all()
                return connection
        # a host that can't be one is a ValueError
        except (OSError, ValueError, ConnectionLost) as error:
            raise ConnectionLost(
                f"the mail server {server.host}:{server.port} cannot be used ({error})"
            ) from error

    def ask(self, command: bytes, timeout: timedelta) -> Reply:
        """Send a command, with its CRLF, and wait for the reply.

        Raises:
            ConnectionLost: it ended, or the server says that it will (421).
        """
        (reply,) = self.ask_in_a_row([command], [timeout])
        return reply

    def ask_in_a_row(self, commands: Sequence[bytes], timeouts: Sequence[timedelta]) -> list[Reply]:
        """Send commands, as many at a time as the server allows (RFC 2920), and return their replies.

        Args:
            commands: each with its CRLF; none that a client must stop at, such as DATA.
            timeouts: how long the reply to each may take.

        Raises:
            ConnectionLost: it ended, or the server says that it will (421).
        """
        replies: list[Reply] = []
        at_once = _PIPELINE if "pipelining" in self.extensions else 1
        for start in range(0, len(commands), at_once):
            self._send(b"".join(commands[start : start + at_once]), timeouts[start])
            for timeout in timeouts[start : start + at_once]:
                reply = self.reply(timeout)
                if reply.code == CLOSING:
                    raise ConnectionLost(reply.transcript)
                replies.append(reply)
        return replies

    def send_text(self, blocks: Iterable[bytes]) -> None:
        """Send a message as it follows DATA, block by block, so that a server that stands still is noticed.

        Raises:
            ConnectionLost: it ended.
        """
        for block in blocks:
            self._send(block, self._timeouts.block)

    def reply(self, timeout: timedelta) -> Reply:
        """Wait for a reply.

        Raises:
            ConnectionLost: it ended, or what came is no reply.
        """
        until = time.monotonic() + timeout.total_seconds()
        while (taken := read_reply(self._received)) is None:
            if len(self._received) > _MAX_REPLY_OCTETS:
                raise ConnectionLost(f"the answer of {self.peer.name} has no end")
            self._receive(until)
        reply, self._received = taken
        if reply.code < 0:
            raise ConnectionLost(
                f"{self.peer.name} answered with what is no SMTP reply: {reply.lines[-1]:.100}"
            )
        return reply

    def is_quiet(self) -> bool:
        """Whether the server has neither closed the connection nor said that it will since the last reply."""
        try:
            self._stream.settimeout(0)
            self._received += self._stream.recv(1)
        # there is nothing to be read
        except (BlockingIOError, ssl.SSLWantReadError):
            return not self._received
        except OSError:
            pass
        return False

    def quit(self) -> None:
        """Say goodbye and close."""
        with suppress(ConnectionLost):
            self.ask(b"QUIT\r\n", self._timeouts.quit)
        self.close()

    def close(self) -> None:
        """Close without a word."""
        self._stream.close()

    def _begin(self, server: SmtpServer, host_name: str, tls: ssl.SSLContext) -> None:
        if server.security == "tls":
            self._secure(tls)
        self._expect_success(self.reply(self._timeouts.greeting))
        self._introduce(host_name)
        if server.security == "starttls":
            if "starttls" not in self.extensions:
                raise ConnectionLost("it does not offer STARTTLS")
            self._expect_success(self._ask_at_start("STARTTLS"))
            if self._received:
                # RFC 3207 section 4.2: whoever sits between could have put words in the server's mouth
                raise ConnectionLost("it went on in plain text after STARTTLS")
            self._secure(tls)
            self._introduce(host_name)
        if server.user is not None:
            self._authenticate(server.user, server.password)

    def _secure(self, tls: ssl.SSLContext) -> None:
        self._stream.settimeout(self._timeouts.connect.total_seconds())
        self._stream = tls.wrap_socket(self._stream, server_hostname=self.peer.name)

    def _introduce(self, host_name: str) -> None:
        """Say EHLO, and HELO to a server that does not know it (RFC 5321 section 3.2)."""
        reply = self._ask_at_start(f"EHLO {host_name}")
        self.extensions = read_extensions(reply.lines[1:]) if reply.accepted else {}
        if not reply.accepted:
            self._expect_success(self._ask_at_start(f"HELO {host_name}"))

    def _authenticate(self, user: str, password: str) -> None:
        """Authenticate by PLAIN (RFC 4616) or, where only that is offered, LOGIN."""
        offered = self.extensions.get("auth", "").upper().split()
        if "PLAIN" in offered:
            steps = ["AUTH PLAIN " + _base64(f"\0{user}\0{password}")]
        elif "LOGIN" in offered:
            steps = ["AUTH LOGIN", _base64(user), _base64(password)]
        else:
            raise ConnectionLost("it offers neither AUTH PLAIN nor AUTH LOGIN, and a user is given")
        for step in steps:
            reply = self._ask_at_start(step)
            if not reply.accepted and not reply.asks_for_more:
                raise ConnectionLost(f"AUTH as {user} was refused: {reply.transcript}")
        self._expect_success(reply)

    def _ask_at_start(self, command: str) -> Reply:
        return self.ask(f"{command}\r\n".encode(), self._timeouts.greeting)

    def _expect_success(self, reply: Reply) -> None:
        if not reply.accepted:
            raise ConnectionLost(reply.transcript)

    def _send(self, octets: bytes, timeout: timedelta) -> None:
        try:
            self._stream.settimeout(timeout.total_seconds())
            self._stream.sendall(octets)
        except OSError as error:
            raise self._lost(error) from error

    def _receive(self, until: float) -> None:
        try:
            # a timeout of 0 would not be one
            self._stream.settimeout(max(until - time.monotonic(), 0.001))
            received = self._stream.recv(_MAX_REPLY_OCTETS)
        except OSError as error:
            raise self._lost(error) from error
        if not received:
            raise self._lost("it was closed by the server")
        self._received += received

    def _lost(self, how: object) -> ConnectionLost:
        return ConnectionLost(f"the connection to {self.peer.name} ended ({how})")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
