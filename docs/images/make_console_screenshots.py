"""Pictures of the web console for the documentation: the whole house on the sample, photographed by Chromium.

Run it as `python docs/images/make_console_screenshots.py`; it writes the PNGs into `console/` beside itself.
It needs PostgreSQL and RabbitMQ (found as `make demo` finds them) and `chromium` on PATH.
"""  # noqa: INP001  # a script of the documentation, no part of a package

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, Page

from demo.servers.postgresql import find_postgresql
from demo.servers.rabbitmq import find_rabbitmq
from services.console.sample_data.load import load_sample
from tests.acceptance.house import House, wait_until
from tests.browser.chromium import chromium
from tests.browser.parking import parked_messages, send_without_its_stored_message
from tests.browser.seat import Seat, choose_action, seat

_FOLDER = Path(__file__).parent / "console"
_DESKTOP, _PHONE = 1280, 390
_RUN_NOW = "Run selected schedules now"
_RUN = (
    "Exchange report all email verification between domains",
    "Exchange send receive by site report",
    "No send exchange servers report",
)
_PARKED = ("report.archive-1", "report.archive-2")
#: What an operator has changed before we look, and what is in doubt, as after a cut connection.
_SCENE = """
UPDATE mailroom.subscription SET emails_list = 'Exchange team <exchange@example.org>, noc@example.org'
WHERE name = 'Exchange Servers No Send';
UPDATE mailroom.subscription SET mute_until = now() + interval '1 day'
WHERE name = 'Exchange Servers Not Seen';
UPDATE mailroom.schedule SET enabled = false WHERE name = 'Dead exchange databases report';
UPDATE mailroom.bounce_audit SET audited_at = audited_at - entry_id % 17 * interval '1 hour';
UPDATE mailroom.mail_delivery
SET last_attempt_at = last_attempt_at - abs(hashtext(recipient) % 17) * interval '1 hour';
UPDATE mailroom.mail_delivery SET state = 'held', in_doubt = 1, finished_at = NULL
WHERE mail_id IN (SELECT mail_id FROM mailroom.mail_delivery WHERE kind = 'report' LIMIT 1);
"""
_UNDONE = """
SELECT (SELECT count(*) FROM mailroom.queue_entry WHERE status = 'bounced')
     + (SELECT count(*) FROM mailroom.report_run WHERE state IN ('scheduled', 'running'))
     + (SELECT count(*) FROM mailroom.mail_delivery WHERE state = 'attempting')
"""
_LARGEST_RUN = "SELECT run_id FROM mailroom.report_run WHERE state = 'sent' ORDER BY row_count DESC LIMIT 1"
_BOUNCED_TWICE = (
    "SELECT sender FROM mailroom.bounce_audit WHERE action = 'reported'"
    " GROUP BY sender HAVING count(*) = 2 ORDER BY sender LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A page, who looks at it in what window, and what is done there first."""

    name: str
    address: str
    width: int = _DESKTOP
    height: int = 860
    role: str | None = "operator"
    first: Callable[[Page], object] = lambda _: None


def pictures(home: House) -> Iterator[Picture]:
    """Say what is photographed."""
    ((run,),), ((sender,),) = home.rows(_LARGEST_RUN), home.rows(_BOUNCED_TWICE)
    yield Picture("login", "/login/", height=520, role=None)
    yield Picture("overview-desktop", "/", height=1000)
    yield Picture("overview-phone", "/", _PHONE, 1100)
    yield Picture("schedules", "/mailroom/schedule/?q=exchange+report", height=760, first=_choose_to_run)
    yield Picture("schedule", "/mailroom/schedule/?q=No+send", height=1000, first=_show_firings)
    yield Picture("subscriptions", "/mailroom/subscription/")
    yield Picture("subscriptions-phone", "/mailroom/subscription/", _PHONE, 844)
    yield Picture("subscription", "/mailroom/subscription/?q=No+Send", height=1000, first=_open_first)
    yield Picture("preferences", "/mailroom/preference/")
    yield Picture("runs", "/mailroom/reportrun/")
    yield Picture("preview", f"/preview/run/{run}/", height=1200)
    yield Picture("why", f"/why/?address={quote(str(sender))}", height=520)
    yield Picture("audit", "/mailroom/auditrecord/")
    yield Picture("deliveries", "/mailroom/delivery/")
    yield Picture("parked", "/mailroom/parkedmessage/", height=420)
    yield Picture("parked-confirm", "/mailroom/parkedmessage/", height=420, first=_ask_to_replay)
    yield Picture("users", "/auth/user/", height=420, role="admin")


def _choose_to_run(page: Page) -> None:
    page.locator("input[name=_selected_action]").first.check()
    page.get_by_label("Action:").first.select_option(label=_RUN_NOW)


def _open_first(page: Page) -> None:
    page.locator("#result_list tbody th a").first.click()


def _show_firings(page: Page) -> None:
    _open_first(page)
    page.get_by_label("Crontab").scroll_into_view_if_needed()
    page.locator("#firings table").scroll_into_view_if_needed()


def _ask_to_replay(page: Page) -> None:
    page.locator("input[name=message]").first.check()
    page.get_by_role("button", name="Replay").click()


@contextmanager
def sample_seat() -> Iterator[Seat]:
    """Have a console before a house that has worked through the sample."""
    with (
        find_postgresql(os.environ) as postgresql,
        find_rabbitmq(os.environ) as rabbitmq,
        postgresql.fresh_database("screenshots") as url,
        rabbitmq.fresh_broker("screenshots") as broker,
        seat(url, broker, answer=_answer) as own,
    ):
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        load_sample(own.home.connection, seed=1, scale=1, now=now)
        yield own


def _answer(_mail_from: str, recipient: str) -> str | None:
    """Answer as a mail server does that does not take everything."""
    if recipient.startswith("a"):
        return "550 5.1.1 no such mailbox here"
    return "451 4.2.1 mailbox busy, try again later" if recipient.startswith("b") else None


def work_through(home: House, page: Page) -> None:
    """Let reports be made, bounces be told, and messages be parked, until nothing is on its way."""
    for schedule in _RUN:
        choose_action(page, "schedule", schedule, _RUN_NOW)
    for mail_id in _PARKED:
        send_without_its_stored_message(home, mail_id)
    wait_until(lambda: home.rows(_UNDONE) == [(0,)] and parked_messages(home) == len(_PARKED), 120)
    home.connection.execute(_SCENE)


def photograph(own: Seat, browser: Browser, picture: Picture) -> Path:
    """Write what is seen of a page, in as many colours as it takes."""
    context = own.context(browser, picture.role, picture.width)
    page = context.new_page()
    page.set_viewport_size({"width": picture.width, "height": picture.height})
    page.goto(picture.address)
    picture.first(page)
    page.wait_for_load_state("networkidle")
    target = _FOLDER / f"{picture.name}.png"
    page.screenshot(path=target, animations="disabled")
    context.close()
    with Image.open(target) as image:
        image.convert("RGB").quantize(128).save(target, optimize=True)
    return target


def main() -> int:
    """Write all pictures, or those that the arguments name."""
    _FOLDER.mkdir(exist_ok=True)
    with chromium() as browser, sample_seat() as own:
        with own.context(browser, "operator") as context:
            work_through(own.home, context.new_page())
        for picture in pictures(own.home):
            if picture.name in (sys.argv[1:] or [picture.name]):
                target = photograph(own, browser, picture)
                sys.stdout.write(f"{target.name}: {target.stat().st_size // 1024} KiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
