"""One run: load and faults by plan, time to settle, and then the books."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from tests.chaos.books import Books, load_so_far
from tests.chaos.clock import faketime_library
from tests.chaos.house import House, house
from tests.chaos.injector import Injector
from tests.chaos.load import BounceLoader
from tests.chaos.plan import Fault, Kind, counted, plan
from tests.chaos.replicas import REPLICAS, Replicas
from tests.chaos.settling import close, panics, settle
from tests.chaos.sink import Sink

#: The share of the run in which bounces are loaded.
_LOADING: Final = 0.97
_PROGRESS_EVERY: Final = 10.0


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    Attributes:
        planned: every fault of the plan.
        injector: what was done of it.
        replicas: how the services ended.
        sink: what happened to mails there.
        books: what was balanced.
        load: bounces, report runs, and runs for a site or bot each.
        settled: seconds from the last fault to balanced books; None: they did not balance in time.
        troubles: what does not balance or went wrong; empty when all is well.
        seconds: from the first fault to balanced books.
    """

    planned: list[Fault]
    injector: Injector
    replicas: Replicas
    sink: Sink
    books: Books
    load: tuple[int, int, int]
    settled: float | None
    troubles: list[str]
    seconds: float


def run(
    seed: int, seconds: float, logs: Path, tell: Callable[[str], None], without: Collection[Kind] = ()
) -> Result:
    """Run everything once and balance the books.

    Args:
        seed: of plan, load and sink.
        seconds: for how long things go wrong.
        logs: folder for what the services say.
        tell: is given a line of progress now and then.
        without: what is planned and not done.

    Raises:
        ServersMissing: PostgreSQL's or RabbitMQ's programs are not installed.
        ServerFailed: a server did not start.
    """
    faults = plan(seed, seconds, REPLICAS)
    with house(seed, seconds, logs, _library(without), counted(faults)[Kind.CLOCK_JUMP]) as place:
        tell(f"{sum(REPLICAS.values())} services are running")
        injector = Injector([fault for fault in faults if fault.kind not in without], place.targets)
        loader = BounceLoader(place.database_url, seconds * _LOADING, seed)
        began = time.monotonic()
        loader.start()
        try:
            injector.run(seconds, _Progress(place, injector, tell).look)
        finally:
            loader.stop()
            injector.end()
        ended = time.monotonic()
        tell("faults are over; settling")
        still_wrong = settle(place, tell)
        settled = time.monotonic() - ended
        books, troubles = close(place)
        troubles += [*panics(logs), *injector.troubles, *place.targets.replicas.troubles()]
        troubles += [loader.trouble] if loader.trouble else []
        with psycopg.connect(place.database_url) as connection:
            load = load_so_far(connection)
        return Result(
            planned=faults,
            injector=injector,
            replicas=place.targets.replicas,
            sink=place.sink,
            books=books,
            load=load,
            settled=None if still_wrong else settled,
            troubles=troubles,
            seconds=time.monotonic() - began,
        )


def _library(without: Collection[Kind]) -> Path | None:
    """What makes clocks jump, if it is there and wanted."""
    return None if Kind.CLOCK_JUMP in without else faketime_library()


class _Progress:
    """A line every ten seconds."""

    def __init__(self, house: House, injector: Injector, tell: Callable[[str], None]) -> None:
        self._house = house
        self._injector = injector
        self._tell = tell
        self._next = 0.0

    def look(self, passed: float) -> None:
        """Say how far it has come, if it is time."""
        if passed < self._next:
            return
        self._next += _PROGRESS_EVERY
        try:
            with psycopg.connect(self._house.database_url, connect_timeout=2) as connection:
                bounces, runs, scoped = load_so_far(connection)
        except psycopg.OperationalError:
            load = "PostgreSQL is away"
        else:
            load = f"{bounces} bounces and {runs} report runs (and {scoped} for a site or bot) so far"
        faults = self._injector.done.total()
        mails = self._house.sink.accepted.total()
        self._tell(f"{passed:5.0f} s: {load}; {mails} mails accepted; {faults} faults")
