"""An SMTP server that does as told, to see what a client says and how it takes misbehaviour."""

import socket
import ssl
import threading
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Self


class ScriptedServer:
    """Speaks SMTP, one thread per connection, and notes every command.

    Args:
        extensions: EHLO keywords.
        replies: what to answer to commands that begin with these words, instead of 250; "" is silence.
        losses: how many messages to take without an answer, closing the connection.
        mails_per_connection: after so many it closes the connection unasked.
        tls: speak TLS from the first octet, or, where STARTTLS is offered, from there on.
        greeting: the first words; "" is silence.
        final: what to answer to a message.
        reads_text: whether anything is read after DATA.
    """

    def __init__(
        self,
        extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE", "DSN"),
        replies: dict[str, str] | None = None,
        *,
        losses: int = 0,
        mails_per_connection: int = 1000,
        tls: ssl.SSLContext | None = None,
        greeting: str = "220 scripted.example ESMTP",
        final: str = "250 2.0.0 taken",
        reads_text: bool = True,
    ) -> None:
        self.commands: list[str] = []
        self.messages: list[bytes] = []
        self.connections = 0
        self._extensions = extensions
        self._replies = replies or {}
        self._losses = losses
        self._mails_per_connection = mails_per_connection
        self._tls = tls
        self._greeting = greeting
        self._final = final
        self._reads_text = reads_text
        self._closing = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._listening.getsockname()[1]}"

    def count(self, word: str) -> int:
        """How many commands began with this word."""
        return sum(command.startswith(word) for command in self.commands)

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._threads[0].join()
        for connection in self._open:
            # wakes a thread that still reads; one that is ending, or its client, may have closed already
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        if self._tls is not None and "STARTTLS" not in self._extensions:
            try:
                connection = self._tls.wrap_socket(connection, server_side=True)
            except OSError:  # the client does not trust us
                connection.close()
                return
        with suppress(OSError), connection:
            if self._greeting:
                connection.sendall(f"{self._greeting}\r\n".encode())
            self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            mails = 0
            while mails < self._mails_per_connection and (line := lines.readline()):
                command = line.decode().rstrip("\r\n")
                self.commands.append(command)
                answer = self._answer(command)
                connection.sendall(answer.encode())
                if command == "STARTTLS" and answer.startswith("220") and self._tls is not None:
                    with self._tls.wrap_socket(connection, server_side=True) as secured:
                        self._converse(secured)
                    return
                if command == "DATA" and answer.startswith("354"):
                    if not self._take(connection, lines):
                        return
                    mails += 1
                if command == "QUIT" or answer.startswith("421"):
                    return

    def _take(self, connection: socket.socket, lines: BinaryIO) -> bool:
        if not self._reads_text:
            self._closing.wait(30)
            return False
        message = b""
        while (line := lines.readline()) != b".\r\n":
            message += line.removeprefix(b".")
        if self._losses:
            self._losses -= 1
            return False
        if self._final.startswith("2"):
            self.messages.append(message)
        connection.sendall(f"{self._final}\r\n".encode())
        return not self._final.startswith("421")

    def _answer(self, command: str) -> str:
        for words, reply in self._replies.items():
            if command.startswith(words):
                return f"{reply}\r\n" if reply else ""
        if command.startswith("EHLO"):
            keywords = ["scripted.example", *self._extensions]
            return "".join(f"250-{word}\r\n" for word in keywords[:-1]) + f"250 {keywords[-1]}\r\n"
        if command == "STARTTLS":
            return "220 2.0.0 ready\r\n"
        return "354 go on\r\n" if command == "DATA" else "250 2.1.0 OK\r\n"
