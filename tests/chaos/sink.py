"""An SMTP server that takes mail badly: it refuses, goes away, loses replies, stalls; it knows what it took.

Whether a recipient is refused for ever is decided by its address alone, so that the books can tell what must
have failed; everything else happens by a seeded chance.
"""

import asyncio
import re
import socket
from collections import Counter
from contextlib import suppress
from random import Random
from typing import Final

from tests.chaos.listener import Listener

_LARGEST_MESSAGE: Final = 2**26
_EHLO: Final = (
    b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 SIZE 67108864\r\n"
)
_ADDRESS: Final = re.compile(rb"<([^>]*)>")
_MESSAGE_ID: Final = re.compile(rb"^Message-ID: <([^@>]+)@", re.MULTILINE)

#: Refused after RCPT, refused after the message, and often asked to come back: by the recipient's domain.
UNKNOWN_DOMAIN: Final = "unknown.example"
CLOSED_DOMAIN: Final = "closed.example"
BUSY_DOMAIN: Final = "busy.example"
_BUSY_SHARE: Final = 0.4
#: Senders of bounces whose own address has gone away: what reports to them is a double bounce.
_GONE_SENDER: Final = re.compile(r"sender\d*77@example\.com")

#: What may happen at which point of a transaction; "kept" is a mail whose client never hears so.
_MISHAPS: Final = (
    ("mail", "refused"),
    ("mail", "421"),
    ("mail", "dropped"),
    ("mail", "stalled"),
    ("rcpt", "refused"),
    ("rcpt", "421"),
    ("rcpt", "dropped"),
    ("data", "refused"),
    ("data", "421"),
    ("data", "dropped"),
    ("text", "dropped"),
    ("dot", "refused"),
    ("dot", "421"),
    ("dot", "dropped"),
    ("dot", "kept and dropped"),
    ("dot", "kept and stalled"),
)


def refused_for_ever(recipient: str) -> bool:
    """Whether no mail to this address is ever accepted, as long as nobody else is named in it."""
    domain = recipient.rpartition("@")[2]
    return domain in {UNKNOWN_DOMAIN, CLOSED_DOMAIN} or _GONE_SENDER.fullmatch(recipient) is not None


class Hangup(Exception):
    """The connection is to be dropped here."""


class Sink(Listener):
    """The server.

    Args:
        seed: of its moods.
        share: of transactions to which something happens, 0 to 1.
    """

    def __init__(self, seed: int, share: float) -> None:
        super().__init__("sink", limit=_LARGEST_MESSAGE)
        self.random = Random(seed)  # noqa: S311 - repeatable is the point
        self._share = share
        self._busy_share = _BUSY_SHARE
        #: The least and most seconds that a stall lasts; some longer than the relay waits.
        self.stall = (0.5, 9.0)
        #: How often each (mail id, recipient) was accepted: kept, whether or not the client heard the 250.
        self.accepted: Counter[tuple[str, str]] = Counter()
        #: What happened to transactions.
        self.mishaps: Counter[str] = Counter()
        #: Mail ids of messages that came without their end.
        self.torn: list[str] = []

    def keep(self, recipients: list[str], message: bytes) -> None:
        """Accept a mail."""
        found = _MESSAGE_ID.search(message)
        mail_id = found[1].decode() if found else "without Message-ID"
        if not message.rstrip().endswith(b"--"):  # every mail of ours is multipart: a boundary ends it
            self.torn.append(mail_id)
        self.accepted.update((mail_id, recipient) for recipient in recipients)

    def calm_down(self) -> None:
        """From now on take whatever may be taken."""
        self._share = self._busy_share = 0.0

    def closes_early(self) -> bool:
        """Decide whether a connection gets no further than its greeting."""
        closes = self.random.random() < self._share
        self.mishaps["greeting: 421"] += closes
        return closes

    def busy(self) -> bool:
        """Decide whether a busy mailbox is to be tried later."""
        busy = self.random.random() < self._busy_share
        self.mishaps["rcpt: busy"] += busy
        return busy

    def mishap(self) -> tuple[str, str]:
        """Decide at which point of a transaction what happens."""
        if self.random.random() >= self._share:
            return "", ""
        point, what = self.random.choice(_MISHAPS)
        self.mishaps[f"{point}: {what}"] += 1
        return point, what

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(Hangup, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await _Conversation(self, reader, writer).hold()
        writer.transport.abort()


class _Conversation:
    """One client's connection."""

    def __init__(self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._sink = sink
        self._reader = reader
        self._writer = writer
        self._point = self._what = ""
        self._recipients: list[str] = []

    async def hold(self) -> None:
        if self._sink.closes_early():
            await self._go_away()
        await self._say(b"220 sink.example ESMTP\r\n")
        while line := await self._reader.readline():
            verb = line[:4].upper()
            if verb in {b"EHLO", b"HELO"}:
                await self._say(_EHLO)
            elif verb == b"MAIL":
                await self._mail()
            elif verb == b"RCPT":
                await self._rcpt(line)
            elif verb == b"DATA":
                await self._data()
            elif verb == b"QUIT":
                await self._say(b"221 2.0.0 bye\r\n")
                return
            else:
                await self._say(b"250 2.0.0 ok\r\n")

    async def _mail(self) -> None:
        self._recipients = []
        self._point, self._what = self._sink.mishap()
        if not await self._trouble("mail"):
            await self._say(b"250 2.1.0 ok\r\n")

    async def _rcpt(self, line: bytes) -> None:
        found = _ADDRESS.search(line)
        recipient = found[1].decode() if found else ""
        if await self._trouble("rcpt"):
            return
        if refused_for_ever(recipient) and not recipient.endswith(f"@{CLOSED_DOMAIN}"):
            await self._say(b"550 5.1.1 no such user here\r\n")
        elif recipient.endswith(f"@{BUSY_DOMAIN}") and self._sink.busy():
            await self._say(b"450 4.2.1 mailbox busy\r\n")
        else:
            self._recipients.append(recipient)
            await self._say(b"250 2.1.5 ok\r\n")

    async def _data(self) -> None:
        if await self._trouble("data"):
            return
        if not self._recipients:
            await self._say(b"503 5.5.1 no recipients\r\n")
            return
        await self._say(b"354 go ahead\r\n")
        if self._point == "text":
            await self._reader.read(1000)
            raise Hangup
        text = await self._reader.readuntil(b"\r\n.\r\n")
        await self._end(text[:-3].replace(b"\r\n..", b"\r\n."))

    async def _end(self, message: bytes) -> None:
        if await self._trouble("dot"):
            return
        if all(recipient.endswith(f"@{CLOSED_DOMAIN}") for recipient in self._recipients):
            await self._say(b"554 5.6.0 we do not want this\r\n")
            return
        self._sink.keep(self._recipients, message)
        if self._point == "dot" and self._what == "kept and dropped":
            raise Hangup
        if self._point == "dot" and self._what == "kept and stalled":
            await self._stall()
        await self._say(b"250 2.0.0 kept\r\n")

    async def _trouble(self, point: str) -> bool:
        """Do what was decided to happen here; tell whether the command is answered by that."""
        if point != self._point:
            return False
        if self._what == "stalled":
            await self._stall()
            return False
        if self._what == "dropped":
            raise Hangup
        if self._what == "421":
            await self._go_away()
        if self._what == "refused":
            await self._say(b"451 4.3.0 not now\r\n")
            return True
        return False

    async def _stall(self) -> None:
        await asyncio.sleep(self._sink.random.uniform(*self._sink.stall))

    async def _go_away(self) -> None:
        await self._say(b"421 4.3.2 shutting down\r\n")
        self._writer.close()
        raise Hangup

    async def _say(self, reply: bytes) -> None:
        self._writer.write(reply)
        await self._writer.drain()
