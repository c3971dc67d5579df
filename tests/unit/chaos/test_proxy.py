"""What the proxy of the fault injection suite does to connections."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.chaos.proxy import Proxy


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(ConnectionResetError):
            while octets := self.request.recv(4096):
                self.request.sendall(octets)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy in front of a server that says what it hears."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with Proxy(*server.server_address[:2]) as proxy:  # type: ignore[arg-type] # IPv4: host and port
            yield proxy
        server.shutdown()
        thread.join()


def connected(proxy: Proxy) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    try:
        say(connection, b"hello")
    except ConnectionResetError:
        connection.close()
        raise
    return connection


def serves(proxy: Proxy) -> bool:
    try:
        connected(proxy).close()
    except ConnectionResetError:
        return False
    return True


def say(connection: socket.socket, octets: bytes) -> None:
    connection.sendall(octets)
    heard = b""
    while len(heard) < len(octets):
        heard += connection.recv(4096)
    assert heard == octets


def test_what_is_sent_arrives_in_both_directions(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        say(connection, bytes(range(256)) * 1000)


def test_the_end_of_one_direction_arrives_as_such(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(10) == b""


def test_a_cut_resets_every_connection_and_new_ones_are_served(proxy: Proxy) -> None:
    with connected(proxy) as one, connected(proxy) as another:
        proxy.cut()
        for connection in (one, another):
            with pytest.raises(ConnectionResetError):
                connection.recv(10)
    with connected(proxy):
        pass


def test_a_frozen_connection_is_silent_for_a_while_and_loses_nothing(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        began = time.monotonic()
        proxy.freeze(0.3)
        say(connection, b"still there")
        assert time.monotonic() - began >= 0.29


def test_refusing_resets_old_and_new_connections_until_its_time_is_over(proxy: Proxy) -> None:
    with connected(proxy) as connection:
        proxy.refuse(0.3)
        with pytest.raises(ConnectionResetError):
            connection.recv(10)
    assert not serves(proxy)
    until = time.monotonic() + 5
    while not serves(proxy):
        assert time.monotonic() < until
