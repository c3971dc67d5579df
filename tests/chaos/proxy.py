"""A TCP proxy on the loopback address whose connections can be cut, frozen and refused."""

import asyncio
import socket
import struct
import time
from contextlib import suppress

from tests.chaos.listener import Listener

_CHUNK = 2**16
#: On, and no seconds: closing sends RST at once, and what was not sent yet is thrown away.
_NO_LINGER = struct.pack("ii", 1, 0)


class Proxy(Listener):
    """Forwards connections to a server.

    Args:
        host: of the server.
        port: of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"proxy-{port}")
        self._target = (host, port)
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._frozen_until = self._refusing_until = 0.0

    def cut(self) -> None:
        """Reset every connection; what is under way in either direction is lost."""
        self._loop.call_soon_threadsafe(self._cut)

    def freeze(self, seconds: float) -> None:
        """Hold back every octet for a while, connections stay open; afterwards it all flows."""
        self._loop.call_soon_threadsafe(self._freeze, seconds)

    def refuse(self, seconds: float) -> None:
        """Reset every connection, and new ones for a while."""
        self._loop.call_soon_threadsafe(self._refuse, seconds)

    def _cut(self) -> None:
        for pair in list(self._pairs):
            for writer in pair:
                _reset(writer)

    def _freeze(self, seconds: float) -> None:
        self._frozen_until = max(self._frozen_until, time.monotonic() + seconds)
        self._flowing.clear()
        self._loop.call_later(seconds, self._thaw)

    def _thaw(self) -> None:
        if time.monotonic() >= self._frozen_until - 0.001:
            self._flowing.set()

    def _refuse(self, seconds: float) -> None:
        self._refusing_until = max(self._refusing_until, time.monotonic() + seconds)
        self._cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if time.monotonic() < self._refusing_until:
                raise ConnectionRefusedError
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except (OSError, asyncio.CancelledError):
            _reset(writer)
            return
        pair = (writer, server_writer)
        self._pairs.add(pair)
        try:
            _no_delay(writer)
            _no_delay(server_writer)
            await asyncio.gather(self._pump(reader, server_writer), self._pump(server_reader, writer))
        except (OSError, asyncio.CancelledError):
            _reset(writer)
            _reset(server_writer)
        finally:
            self._pairs.discard(pair)
            writer.close()
            server_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while octets := await reader.read(_CHUNK):
            await self._flowing.wait()
            writer.write(octets)
            await writer.drain()
        await self._flowing.wait()
        with suppress(OSError):  # the other side may be gone already
            writer.write_eof()


def _no_delay(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # it may be closed already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()
