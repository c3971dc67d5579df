"""Making and removing virtual hosts: by the management API where it answers, else by `rabbitmqctl`."""

import base64
import http.client
import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote

from shared.errors import MailroomError

_EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


class VirtualHostRefused(MailroomError):
    """A virtual host could not be made or removed; the message is the server's reason."""


class VirtualHosts(Protocol):
    """Something that makes and removes virtual hosts; either raises `VirtualHostRefused`."""

    def create(self, name: str, user: str) -> None:
        """Make a virtual host in which the user may do everything."""

    def delete(self, name: str) -> None:
        """Remove a virtual host with all that is in it."""


@dataclass(frozen=True, slots=True)
class Rabbitmqctl:
    """`rabbitmqctl`: about half a second to four seconds a command.

    Attributes:
        run: runs it with the given arguments, raises `VirtualHostRefused` if it fails.
    """

    run: Callable[[Sequence[str]], None]

    def create(self, name: str, user: str) -> None:
        """Make a virtual host in which the user may do everything."""
        self.run(["add_vhost", name])
        self.run(["set_permissions", "-p", name, user, *_EVERYTHING.values()])

    def delete(self, name: str) -> None:
        """Remove a virtual host with all that is in it."""
        self.run(["delete_vhost", name])


def rabbitmqctl_program(program: str, environment: Mapping[str, str]) -> Rabbitmqctl:
    """Use an installed `rabbitmqctl`.

    Args:
        program: its path.
        environment: what it runs with; decides which node it talks to.
    """

    def run(arguments: Sequence[str]) -> None:
        try:
            done = subprocess.run(
                [program, "--quiet", *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=60,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise VirtualHostRefused(str(error)) from error
        if done.returncode != 0:
            raise VirtualHostRefused((done.stderr or done.stdout).decode(errors="replace"))

    return Rabbitmqctl(run)


@dataclass(frozen=True, slots=True)
class ManagementApi:
    """The HTTP API of RabbitMQ's management plugin: about 20 ms a request.

    Attributes:
        host: name or address.
        port: 15672 by default.
        user: who asks; needs the tag `administrator`.
        password: of that user.
    """

    host: str
    port: int
    user: str
    password: str

    def answers(self) -> bool:
        """Whether it is there and knows the user as an administrator."""
        try:
            return "administrator" in json.loads(self._request("GET", "/api/whoami"))["tags"]
        except (VirtualHostRefused, ValueError, KeyError, TypeError):
            return False

    def create(self, name: str, user: str) -> None:
        """Make a virtual host in which the user may do everything."""
        self._request("PUT", f"/api/vhosts/{quote(name, safe='')}")
        self._request(
            "PUT", f"/api/permissions/{quote(name, safe='')}/{quote(user, safe='')}", json.dumps(_EVERYTHING)
        )

    def delete(self, name: str) -> None:
        """Remove a virtual host with all that is in it."""
        self._request("DELETE", f"/api/vhosts/{quote(name, safe='')}")

    def _request(self, method: str, path: str, body: str | None = None) -> bytes:
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=2)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise VirtualHostRefused(str(error)) from error
        finally:
            connection.close()
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise VirtualHostRefused(f"{method} {path}: {response.status} {content.decode(errors='replace')}")
        return content
