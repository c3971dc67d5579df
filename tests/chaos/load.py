"""What the system has to do meanwhile: bounces in portions, and reports on quick schedules."""

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import psycopg
from psycopg.types.json import Jsonb

from services.console.sample_data.load import load_backlog, load_sample
from services.report_worker.catalogue import Catalogue
from shared.database.statements import load_statements
from tests.chaos.sink import BUSY_DOMAIN, CLOSED_DOMAIN, UNKNOWN_DOMAIN

SQL: Final = load_statements("tests.chaos", "load.sql")
#: Seconds between two runs of a report, and of one that turns into a run for each site or bot.
REPORT_EVERY: Final = 15
FAN_OUT_EVERY: Final = 60
#: How many missed times of a schedule are made up for: enough for an outage, few for a clock that jumps.
CATCH_UP_LIMIT: Final = 6
#: Bounces a second at the least, however busy all are, and at the most; 20,000 in ten minutes are a must.
LEAST_PACE: Final = 38
_MOST_PACE: Final = 100
#: As long as fewer wait than this and the pace allows it, more are loaded: nothing dies while it idles.
_WAITING: Final = 200
_PORTION: Final = 200
#: Seconds between two looks at how many wait, and until a loader that does not end is given up.
_LOOK: Final = 0.2
_GIVE_UP: Final = 5.0
_MOST_RECIPIENTS: Final = 3
_SAMPLE_SCALE: Final = 0.3

#: To whom reports go, by subscription; None: every other one.
SUBSCRIBERS: Final[Mapping[str | None, tuple[str, ...]]] = {
    None: ("administrators@example.com",),
    "Mail Verification Report": (
        "administrators@example.com",
        f"duty@{BUSY_DOMAIN}",
        f"retired@{UNKNOWN_DOMAIN}",
    ),
    "Exchange Servers No Send": (f"duty@{BUSY_DOMAIN}", f"night@{BUSY_DOMAIN}", "operators@example.com"),
    "Exchange Servers Not Seen": (f"anybody@{CLOSED_DOMAIN}",),
}


def recipients_of_reports() -> dict[str, tuple[str, ...]]:
    """Tell to whom each report of the catalogue goes."""
    return {
        name: SUBSCRIBERS.get(report.subscription, SUBSCRIBERS[None])
        for name, report in Catalogue.load().reports.items()
    }


def prepare(connection: psycopg.Connection, seed: int) -> None:
    """Fill a migrated database with the sample, its bounces included, and set the reports going."""
    connection.execute(SQL["witness"])
    load_sample(connection, seed=seed, scale=_SAMPLE_SCALE, now=datetime.now(UTC))
    for name, recipients in SUBSCRIBERS.items():
        statement = SQL["subscribe" if name else "subscribe_everybody"]
        connection.execute(statement, {"name": name, "recipients": ", ".join(recipients)})
    connection.execute(SQL["remove_schedules"])
    for report in Catalogue.load().reports.values():
        every = timedelta(seconds=FAN_OUT_EVERY if report.scope else REPORT_EVERY)
        arguments = Jsonb({"reports": [report.name]})
        connection.execute(
            SQL["add_schedule"], {"name": f"chaos {report.name}", "args": arguments, "every": every}
        )


class BounceLoader:
    """Adds bounces in portions on a thread of its own, all through the run, so that some always wait.

    What it could not load by then, as the server was away, it does not make up for.

    Args:
        database_url: of a member of the owner role; straight to the server, which may be away at times.
        seconds: for how long.
        seed: of the repeatable randomness.
    """

    def __init__(self, database_url: str, seconds: float, seed: int) -> None:
        self._database_url = database_url
        self._seconds = seconds
        self._random = Random(f"{seed} load")  # noqa: S311 - repeatable is the point
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)
        self.trouble: str | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Load no more; what waits for the server is left to its fate."""
        self._stopping.set()
        self._thread.join(_GIVE_UP)

    def _run(self) -> None:
        began = time.monotonic()
        try:
            while not self._stopping.wait(_LOOK):
                passed = time.monotonic() - began
                try:
                    if not self._load_if_wanted(min(passed, self._seconds)) and passed >= self._seconds:
                        return
                except psycopg.OperationalError:
                    continue  # the server is restarting
        except Exception as error:  # noqa: BLE001 - told at the end; a thread has nobody to raise to
            self.trouble = f"the loader failed: {type(error).__name__}: {error}"

    def _load_if_wanted(self, passed: float) -> bool:
        """Add a portion if it is time; tells whether it was."""
        with psycopg.connect(self._database_url, autocommit=True, connect_timeout=5) as connection:
            loaded, waiting = connection.execute(SQL["loaded"]).fetchone() or (0, 0)
            idle = waiting < _WAITING and loaded < _MOST_PACE * passed and passed < self._seconds
            if loaded >= LEAST_PACE * passed and not idle:
                return False
            load_backlog(
                connection,
                _PORTION,
                seed=self._random.randrange(2**31),
                now=datetime.now(UTC),
                recipients_per_message=self._random.randint(1, _MOST_RECIPIENTS),
            )
            return True
