"""One house, one console and one Chromium for all tests of this folder, and a profile for each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from demo.servers.postgresql import PostgresqlServer
from demo.servers.rabbitmq import Broker
from tests.acceptance.house import House
from tests.browser.chromium import NoChromium, chromium
from tests.browser.seat import Seat, seat
from tests.servers import names_of_ones_own

#: One row for every report that is about sites or domains.
_ESTATE = """
INSERT INTO mailroom.site (name) VALUES ('Squamish');
INSERT INTO mailroom.bot (host_name, site) VALUES ('bot-1', 'Squamish');
INSERT INTO mailroom.domain_pair (site, from_domain, to_domain, status)
VALUES ('Squamish', 'example.com', 'example.org', 'FAIL');
WITH event AS (
    INSERT INTO mailroom.bot_event (bot, event_group_id, status, type)
    VALUES ('bot-1', 'group-1', 'FAIL', 'send') RETURNING uuid
)
INSERT INTO mailroom.bot_message (event, identifier, sent_from, sent_to)
SELECT uuid, 'test-1', 'probe@example.com', 'probe@example.org' FROM event;
"""

#: Opens a page, logged in with a role, in a window of a width.
OpenAs = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with ExitStack() as opened:
        try:
            browser = opened.enter_context(chromium())
        except NoChromium as missing:
            pytest.skip(str(missing))
        yield browser


@pytest.fixture(scope="package")
def own_seat(browser: Browser, postgresql_server: PostgresqlServer, virtual_host: Broker) -> Iterator[Seat]:
    """Everything running; no schedule fires by itself before next New Year."""
    with (
        postgresql_server.fresh_database("browser") as url,
        names_of_ones_own(virtual_host) as broker,
        seat(url, broker) as own,
    ):
        own.home.connection.execute("UPDATE mailroom.schedule SET crontab = '0 0 1 1 *'")
        own.home.connection.execute(_ESTATE)
        yield own


@pytest.fixture
def home(own_seat: Seat) -> House:
    """The house, to ask what came of a click."""
    return own_seat.home


@pytest.fixture
def open_as(own_seat: Seat, browser: Browser) -> Iterator[OpenAs]:
    """Pages that may break neither the content-security policy nor a script of their own."""
    contexts, troubles = [], []

    def note(message: ConsoleMessage) -> None:
        # what the checker of accessibility does to a page has no address
        if "Content Security Policy" in message.text and message.location["url"]:
            troubles.append(f"{message.text} {message.location}")

    def open_page(role: str | None = None, width: int = 1280) -> Page:
        context = own_seat.context(browser, role, width)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", note)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    for service in own_seat.home.fleet.processes:
        print(f"--- {service.name}\n{service.tail(8)}")  # noqa: T201 - pytest shows it of a test that failed
    assert troubles == []
