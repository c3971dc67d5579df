"""The relay, ledger included, beside a bare `smtplib` client that sends the same mails to the same server.

The server writes each message to disk before it answers, as every server must that takes mail for delivery.
The bare client keeps nothing and sends one mail after another, the way `smtplib` is used: over one
connection, to which the bound applies; and, for orientation, over as many as ours with a thread for each.
Each mail of ours costs two commits in PostgreSQL besides, gathered over the mails in hand. All take turns in
one process, so that only the ratios mean anything. Nothing is taken from the broker: all begin with mails in
memory.
"""

import os
import queue
import smtplib
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from statistics import median

from demo.servers.postgresql import find_postgresql
from services.mail_relay.__main__ import THREADS_PER_CONNECTION
from services.mail_relay.database import open_pool
from services.mail_relay.ledger import Ledger
from services.mail_relay.limits import Limits
from services.mail_relay.relay import Relay
from services.mail_relay.server import SmtpServer
from services.mail_relay.submission import Submission
from shared.broker.events import Events
from shared.database.migrate import migrate
from shared.settings.relay import RelaySettings
from shared.wire import Mail
from tests.benchmarks.smtp_sink import durable_sink

#: Our mails in a second are at least this part of those of the bare client over one connection.
BOUND = 0.7
ROUNDS = 5
MAILS = 1500
SETTINGS = RelaySettings()


@dataclass(frozen=True, slots=True)
class Measured:
    """Mails in a second, and ours by each of theirs."""

    ours: float
    one: float
    several: float
    ratio: float
    ratio_to_several: float


_MESSAGE = (
    b"From: postmaster@example.com\r\nSubject: Report\r\n\r\n" + b"All is well, and so is the rest.\r\n" * 160
)
_NUMBERS = count()


def _mails() -> list[Mail]:
    now = datetime.now(UTC)
    return [
        Mail(
            mail_id=f"mail-{next(_NUMBERS)}",
            kind="ndr",
            mail_from="",
            rcpt_to=("ann@example.org",),
            message=_MESSAGE,
            created_at=now,
            expires_at=now + timedelta(days=1),
        )
        for _ in range(MAILS)
    ]


def _bare(port: int, mails: list[Mail], connections: int) -> float:
    """Mails in a second over this many connections, each with a thread."""

    def send(share: list[Mail]) -> None:
        with smtplib.SMTP("127.0.0.1", port, "mx1.example.com") as client:
            for mail in share:
                client.sendmail(mail.mail_from, mail.rcpt_to, _MESSAGE)

    shares = [mails[number::connections] for number in range(connections)]
    with ThreadPoolExecutor(connections) as threads:
        started = time.perf_counter()
        list(threads.map(send, shares))
        return len(mails) / (time.perf_counter() - started)


def _ours(relay: Relay, mails: list[Mail]) -> float:
    """Mails in a second through ledger and server."""
    in_hand: queue.SimpleQueue[Mail | None] = queue.SimpleQueue()

    def work() -> None:
        while (mail := in_hand.get()) is not None:
            relay.deliver(mail)

    threads = [threading.Thread(target=work) for _ in range(THREADS_PER_CONNECTION * SETTINGS.connections)]
    for thread in threads:
        thread.start()
    started = time.perf_counter()
    for item in (*mails, *[None] * len(threads)):
        in_hand.put(item)
    for thread in threads:
        thread.join()
    return len(mails) / (time.perf_counter() - started)


@contextmanager
def _relay(url: str, port: int) -> Iterator[Relay]:
    with open_pool(url, size=SETTINGS.connections + 4) as pool:
        server = SmtpServer("127.0.0.1", port)
        relay = Relay(
            Ledger(pool, SETTINGS.attempt_lease),
            [Submission(server, "mx1.example.com", SETTINGS) for _ in range(SETTINGS.connections)],
            SETTINGS,
            Limits(pool, {}, SETTINGS.attempt_lease),
            Events.off(),
        )
        yield relay
        relay.close()


def measure() -> Measured:
    """Return medians over rounds, each round's ratios taken on their own."""
    rounds = []
    with find_postgresql(os.environ) as server, server.fresh_database("bench") as url, durable_sink() as sink:
        migrate(url)
        with _relay(url, sink.port) as relay:
            for _ in range(ROUNDS + 1):
                one = _bare(sink.port, _mails(), 1)
                ours = _ours(relay, _mails())
                several = _bare(sink.port, _mails(), SETTINGS.connections)
                rounds.append((ours, one, several, ours / one, ours / several))
    # The first round fills caches.
    return Measured(*(median(column) for column in zip(*rounds[1:], strict=True)))


def main() -> int:
    """Print the row of the benchmark table; 1 when the bound is broken."""
    measured = measure()
    kept = measured.ratio >= BOUND
    sys.stdout.write(
        f"relay with ledger vs smtplib: ratio {measured.ratio:.2f} (bound {BOUND})"
        f" {'ok' if kept else 'BROKEN'}"
        f"   [{measured.ours:.0f} mails/s of {len(_MESSAGE) / 1024:.1f} KiB over {SETTINGS.connections}"
        f" connections; smtplib {measured.one:.0f} over one, {measured.several:.0f} over"
        f" {SETTINGS.connections} (ratio {measured.ratio_to_several:.2f})]\n"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
