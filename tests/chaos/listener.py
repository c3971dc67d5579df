"""A server on a free port of the loopback address, with an event loop in a thread of its own."""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Self


class Listener:
    """Serves from entering it as a context to leaving it; `_serve` says how.

    Args:
        name: of its thread.
        limit: octets that a connection's reader buffers.
    """

    def __init__(self, name: str, limit: int = 2**16) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._limit = limit
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.port: int = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one connection; cancelled when the server ends."""
        raise NotImplementedError

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        starting = asyncio.start_server(self._serve, sock=self._listening, limit=self._limit)
        server = self._loop.run_until_complete(starting)
        self._loop.run_forever()
        server.close()
        while tasks := asyncio.all_tasks(self._loop):
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(tasks))
        self._loop.close()
