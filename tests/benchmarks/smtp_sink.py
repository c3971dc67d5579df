"""An SMTP server that takes everything, in a process of its own, as quick as a server can be.

With `--durable` it writes each message to disk before it says 250, as every server must that takes mail for
delivery (RFC 5321 section 6.1); without, it keeps nothing.
"""

import os
import socket
import sys
import tempfile
import threading

_REPLIES = {
    b"EHLO": b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n",
    b"DATA": b"354 go on\r\n",
    b"QUIT": b"221 2.0.0 bye\r\n",
}
_OK = b"250 2.0.0 OK\r\n"
_END_OF_TEXT = b"\r\n.\r\n"


def _serve(connection: socket.socket, *, durable: bool) -> None:
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
                if in_text and durable:
                    spool.write(line)
                    os.fdatasync(spool.fileno())
                answers.append(_OK if in_text else _REPLIES.get(line[:4].upper(), _OK))
                in_text = not in_text and line[:4].upper() == b"DATA"
            if answers:
                connection.sendall(b"".join(answers))


def _accept(listening: socket.socket, *, durable: bool) -> None:
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=_serve, args=(connection,), kwargs={"durable": durable}, daemon=True).start()


def main() -> None:
    """Print the port and serve until standard input ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    durable = "--durable" in sys.argv
    threading.Thread(target=_accept, args=(listening,), kwargs={"durable": durable}, daemon=True).start()
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
