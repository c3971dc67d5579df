"""The operator's seat: the whole house with its web console, users of every role, and a browser before it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, StorageState

from demo.catcher import Answer
from demo.roles import acting_as
from demo.servers.free_port import free_ports
from demo.servers.rabbitmq import Broker
from tests.acceptance.house import House, house
from tests.servers import environment

#: Of every user under test.
PASSWORD = "a plain password of the tests"  # noqa: S105 - of users that are gone with their database
SERVICES = ("scheduler", "report_worker", "ndr_worker", "mail_relay")
#: The password's hash is taken over, as hashing takes long on purpose.
_ADD_USER = """
WITH added AS (
    INSERT INTO console.auth_user
        (username, password, is_staff, is_active, is_superuser, first_name, last_name, email, date_joined)
    SELECT %(role)s, password, true, true, false, '', '', '', now()
    FROM console.auth_user WHERE username = 'admin'
    RETURNING id
)
INSERT INTO console.auth_user_groups (user_id, group_id)
SELECT added.id, auth_group.id FROM added, console.auth_group WHERE name = %(role)s
"""


@dataclass(frozen=True)
class Seat:
    """A house, where its console is, and who is logged in there."""

    home: House
    url: str
    _logins: dict[str, StorageState] = field(default_factory=dict)

    def context(self, browser: Browser, role: str | None = None, width: int = 1280) -> BrowserContext:
        """Open a browser profile of its own, logged in with a role unless it is None."""
        login = self._login(browser, role) if role else None
        height = 900 if width > 500 else 844
        return browser.new_context(
            base_url=self.url, storage_state=login, viewport={"width": width, "height": height}
        )

    def _login(self, browser: Browser, role: str) -> StorageState:
        if role not in self._logins:
            context = self.context(browser)
            log_in(context.new_page(), role)
            self._logins[role] = context.storage_state()
            context.close()
        return self._logins[role]


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Fill in the login form, opening it first where another page is shown, and send it."""
    if urlsplit(page.url).path != "/login/":
        page.goto("/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def choose_action(page: Page, model: str, row: str, action: str) -> None:
    """Do something with one row of a list."""
    page.goto(f"/mailroom/{model}/")
    page.get_by_role("row", name=row).get_by_role("checkbox").first.check()
    page.get_by_label("Action:").first.select_option(label=action)
    page.get_by_role("button", name="Go").first.click()


@contextmanager
def seat(database_url: str, broker: Broker, answer: Answer | None = None) -> Iterator[Seat]:
    """Have a house whose console runs, with the users admin, operator and viewer; start other services."""
    _migrate(database_url, broker)
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with house(database_url, broker, answer=answer) as home:
        home.fleet.start(
            "console",
            MAILROOM_DATABASE_URL=acting_as(database_url, "console"),
            MAILROOM_CONSOLE__PORT=str(port),
            MAILROOM_CONSOLE__URL=url,
            MAILROOM_CONSOLE__ADMIN_NAME="admin",
            MAILROOM_CONSOLE__ADMIN_PASSWORD=PASSWORD,
        )
        for name in SERVICES:
            home.fleet.start(name)
        home.fleet.wait_ready()
        for role in ("operator", "viewer"):
            home.connection.execute(_ADD_USER, {"role": role})
        yield Seat(home, url)


def _migrate(database_url: str, broker: Broker) -> None:
    subprocess.run(
        [sys.executable, "-m", "services.console.cli", "db", "migrate"],
        env=environment(database_url, broker, MAILROOM_DATABASE_URL=database_url),
        check=True,
        stdout=subprocess.DEVNULL,
    )
