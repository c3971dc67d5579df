"""An SMTP server that takes everything, in a process of its own, as quick as a server can be.

With `--durable` it writes each message to disk before it says 250, as every server must that takes mail for
delivery (RFC 5321 section 6.1); without, it keeps nothing. For each line on standard input it tells which
messages have come since the last.
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import IO

_REPLIES = {
    b"EHLO": b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 2.0.0 bye\r\n",
}
_OK = b"250 2.0.0 OK\r\n"
_END_OF_TEXT = b"\r\n.\r\n"
_MESSAGE_ID = b"Message-ID: <"


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink.

    Attributes:
        port: on 127.0.0.1.
    """

    port: int
    _questions: IO[str]
    _answers: IO[str]

    def arrived(self) -> list[str]:
        """Return the Message-IDs, without their hosts, of what has come since the last time it was asked."""
        self._questions.write("\n")
        self._questions.flush()
        return self._answers.readline().split()


@contextmanager
def durable_sink() -> Iterator[Sink]:
    """Have a sink that writes to disk."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.smtp_sink", "--durable"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Sink(int(process.stdout.readline()), process.stdin, process.stdout)
        process.stdin.close()


class _Server:
    def __init__(self, *, durable: bool) -> None:
        self._durable = durable
        self.arrived: SimpleQueue[bytes] = SimpleQueue()

    def accept(self, listening: socket.socket) -> None:
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        """Answer lines as they come, several at once when they come together."""
        received, in_text = b"", False
        with connection, tempfile.TemporaryFile(buffering=0) as spool:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(b"220 sink.example ESMTP\r\n")
            while data := connection.recv(65536):
                received += data
                answers = []
                while True:
                    line, found, rest = received.partition(_END_OF_TEXT if in_text else b"\r\n")
                    if not found:
                        break
                    received = rest
                    if in_text:
                        self._take(line, spool.fileno())
                    answers.append(_OK if in_text else _REPLIES.get(line[:4].upper(), _OK))
                    in_text = not in_text and line[:4].upper() == b"DATA"
                if answers:
                    connection.sendall(b"".join(answers))

    def _take(self, message: bytes, spool: int) -> None:
        if self._durable:
            os.write(spool, message)
            os.fdatasync(spool)
        if (start := message.find(_MESSAGE_ID)) >= 0:
            self.arrived.put(message[start + len(_MESSAGE_ID) : message.index(b"@", start)])


def main() -> None:
    """Print the port and serve until standard input ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = _Server(durable="--durable" in sys.argv)
    threading.Thread(target=server.accept, args=(listening,), daemon=True).start()
    print(listening.getsockname()[1], flush=True)  # noqa: T201 - what who started it waits for
    for _ in sys.stdin:
        ids = [server.arrived.get() for _ in range(server.arrived.qsize())]
        print(b" ".join(ids).decode(), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
