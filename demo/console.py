"""The web console of the demo, with a user made for it."""

import secrets
from dataclasses import dataclass

from demo.fleet import Fleet
from demo.roles import acting_as
from demo.servers.free_port import free_ports
from services.console.web.project import migrate
from shared.settings import load_settings

_USER = "demo"


@dataclass(frozen=True, slots=True)
class OpenConsole:
    """Where the console is, and who may do everything there."""

    url: str
    user: str
    password: str


def start_console(fleet: Fleet, database_url: str) -> OpenConsole:
    """Start the console and wait until it is ready.

    Args:
        fleet: it becomes part of.
        database_url: of a login that may do everything; the console itself acts as its own role.

    Raises:
        ServiceFailed: it ended, or is not ready in time.
    """
    migrate(load_settings(None, {"MAILROOM_DATABASE_URL": database_url}))
    (port,) = free_ports(1)
    console = OpenConsole(f"http://localhost:{port}/", _USER, secrets.token_urlsafe(12))
    fleet.start(
        "console",
        MAILROOM_DATABASE_URL=acting_as(database_url, "console"),
        MAILROOM_CONSOLE__PORT=str(port),
        MAILROOM_CONSOLE__URL=console.url,
        MAILROOM_CONSOLE__ADMIN_NAME=console.user,
        MAILROOM_CONSOLE__ADMIN_PASSWORD=console.password,
    )
    fleet.wait_ready()
    return console
