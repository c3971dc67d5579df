"""The SMTP side of the catcher: takes everything, unless told to answer otherwise."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from demo.catcher.mailbox import Mailbox

#: Given reverse-path and envelope recipient: the reply to RCPT, like `550 5.1.1 no such user`; None accepts.
Answer = Callable[[str, str], str | None]

#: Given reverse-path, accepted recipients and message: the reply after DATA, like `451 4.3.0 no`; None keeps.
AnswerData = Callable[[str, tuple[str, ...], bytes], str | None]

#: Seconds that the end waits for its thread.
_STOPPED_WITHIN = 5.0
_LARGEST_MESSAGE = 2**30
_LONGEST_LINE = 2**20

#: A path with its angle brackets, `>` only within quotes, and the parameters behind it.
_PATH = re.compile(r'\s*<((?:"(?:[^"\\]|\\.)*"|[^">])*)>\s*(.*)', re.DOTALL)


class SmtpServer:
    """An SMTP server in a thread of its own that puts what it takes into a mailbox."""

    def __init__(
        self, mailbox: Mailbox, host: str, port: int, answer: Answer | None, answer_data: AnswerData | None
    ) -> None:
        """Prepare; `start` listens.

        Args:
            mailbox: where mails go.
            host: address to listen on.
            port: 0 for a free one.
            answer: see `Answer`.
            answer_data: see `AnswerData`.
        """
        self._address = (host, port)
        self._handler = _Handler(mailbox, answer, answer_data)
        self._connections: set[_Connection] = set()

    def start(self) -> int:
        """Listen; gives the port.

        Raises:
            OSError: the port is taken.
        """
        listening = socket.create_server(self._address, backlog=512)
        # Inherited by every connection: replies to pipelined commands are small writes in a row, and would
        # wait 40 ms for the client's delayed acknowledgement. asyncio passes over sockets made like this one.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(listening,), name="catcher-smtp", daemon=True)
        self._thread.start()
        port: int = listening.getsockname()[1]
        return port

    def stop(self) -> None:
        """Close all connections and stop listening; mails whose final dot was not answered are not kept."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        # Ctrl-C in the middle of waiting for a mail can leave the mailbox locked, and this thread at its door
        self._thread.join(_STOPPED_WITHIN)

    def _run(self, listening: socket.socket) -> None:
        loop = self._loop
        server = loop.run_until_complete(loop.create_server(self._connect, sock=listening))
        loop.run_forever()
        server.close()
        for connection in self._connections:
            connection.abort()
        # aborted connections end their tasks, which takes some turns of the loop
        while tasks := asyncio.all_tasks(loop):
            loop.run_until_complete(asyncio.wait(tasks))
        loop.close()

    def _connect(self) -> SMTP:
        return _Connection(self._handler, self._loop, self._connections)


class _Connection(SMTP):
    """One client's connection."""

    line_length_limit = _LONGEST_LINE

    def __init__(
        self, handler: "_Handler", loop: asyncio.AbstractEventLoop, connections: "set[_Connection]"
    ) -> None:
        super().__init__(
            handler,
            data_size_limit=_LARGEST_MESSAGE,
            enable_SMTPUTF8=True,
            decode_data=False,
            hostname="catcher.localhost",  # else it asks the DNS at every connection
            ident="Mailroom catcher",
            loop=loop,
        )
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._connections.discard(self)

    def abort(self) -> None:
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Take paths as they are: the library's parser rewrites unusual ones, and is slow."""
        match = _PATH.fullmatch(arg)
        if match is None:
            return None, None
        # the library takes an empty path for none at all
        return match[1] or "<>", match[2]


class _Handler:
    """The library's hooks: what to answer."""

    def __init__(self, mailbox: Mailbox, answer: Answer | None, answer_data: AnswerData | None) -> None:
        self._mailbox = mailbox
        self._answer = answer
        self._answer_data = answer_data

    async def handle_EHLO(  # noqa: N802  # the library finds hooks by these names
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        reply = self._answer(_reverse_path(envelope), address) if self._answer else None
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        mail_from, rcpt_tos, content = _reverse_path(envelope), tuple(envelope.rcpt_tos), _content(envelope)
        reply = self._answer_data(mail_from, rcpt_tos, content) if self._answer_data else None
        if reply is None:
            mail = self._mailbox.add(mail_from, rcpt_tos, content)
            return f"250 2.0.0 OK caught as {mail.number}"
        return reply


def _reverse_path(envelope: Envelope) -> str:
    return "" if envelope.mail_from in {None, "<>"} else str(envelope.mail_from)


def _content(envelope: Envelope) -> bytes:
    content: Any = envelope.original_content
    return bytes(content)
