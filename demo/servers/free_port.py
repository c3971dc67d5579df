"""Ports for private servers."""

import secrets
import socket
from contextlib import ExitStack, suppress

# Below those that Linux and others give to outgoing connections: one of them would be taken now and then
# between the moment when it is found free and the moment when its server starts.
_PORTS = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Find TCP ports that are free on the loopback address, all different."""
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            port = secrets.choice(_PORTS)
            with suppress(OSError):  # somebody has it
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
                ports.append(port)
    return ports
