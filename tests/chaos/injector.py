"""Carrying out a plan of faults, each at its time, and undoing what is to last only a while."""

import heapq
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast

from demo.servers.private_postgresql import Server
from demo.servers.private_rabbitmq import Node
from shared.errors import MailroomError
from tests.chaos.clock import SEEN_AFTER, ServerClock
from tests.chaos.disk import Disk
from tests.chaos.plan import Fault, Kind
from tests.chaos.proxy import Proxy
from tests.chaos.replicas import Replicas

#: Seconds between two looks at what is due.
_LOOK = 0.1


@dataclass(frozen=True, slots=True)
class Targets:
    """What faults are done to.

    Attributes:
        replicas: the services.
        database: the PostgreSQL server.
        broker: the RabbitMQ node.
        proxies: what stands before database, broker and smtp.
        disk: where audit and copies go; None: it cannot be filled here.
        clock: PostgreSQL's; None: it cannot be made to jump here.
    """

    replicas: Replicas
    database: Server
    broker: Node
    proxies: Mapping[str, Proxy]
    disk: Disk | None
    clock: ServerClock | None


class Injector:
    """Does what a plan says.

    Args:
        faults: in order of time.
        targets: to whom.
    """

    def __init__(self, faults: Sequence[Fault], targets: Targets) -> None:
        self._faults = faults
        self._targets = targets
        self._undo: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._restarting: dict[str, threading.Thread] = {}
        #: How often each was done.
        self.done: Counter[tuple[Kind, str]] = Counter()
        #: What could not be done; the run counts for nothing then.
        self.troubles: list[str] = []
        self._carry_out: Mapping[Kind, Callable[[Fault], None]] = {
            Kind.KILL: self._kill,
            Kind.FREEZE_PROCESS: self._freeze_process,
            Kind.RESTART_BROKER: self._restart_broker,
            Kind.RESTART_DATABASE: self._restart_database,
            Kind.CONNECTIONS: self._break_connections,
            Kind.FULL_DISK: self._fill_disk,
            Kind.CLOCK_JUMP: self._jump,
        }

    def run(self, seconds: float, every_look: Callable[[float], None]) -> None:
        """Carry out the whole plan, which takes `seconds`, more where the machine cannot keep up.

        Args:
            seconds: length of the run.
            every_look: is told the seconds since the start, again and again.
        """
        began = time.monotonic()
        waiting = iter(self._faults)
        fault = next(waiting, None)
        pause = threading.Event()
        while fault is not None or time.monotonic() - began < seconds:
            if fault is not None and time.monotonic() - began >= fault.at:
                self._carry_out[fault.kind](fault)
                fault = next(waiting, None)
            else:
                pause.wait(_LOOK)
            self._undo_due(time.monotonic())
            self._targets.replicas.tend()
            every_look(time.monotonic() - began)

    def end(self) -> None:
        """Undo at once all that still lasts, and wait for what is restarting."""
        self._undo_due(float("inf"))
        for thread in self._restarting.values():
            thread.join()
        if self._targets.clock is not None:
            self._targets.clock.set(timedelta())
            time.sleep(SEEN_AFTER.total_seconds())

    def _undo_due(self, now: float) -> None:
        while self._undo and self._undo[0][0] <= now:
            heapq.heappop(self._undo)[2]()

    def _later(self, seconds: float, undo: Callable[[], None]) -> None:
        heapq.heappush(self._undo, (time.monotonic() + seconds, next(self._numbers), undo))

    def _kill(self, fault: Fault) -> None:
        if fault.how == "SIGKILL":
            self._targets.replicas.kill(fault.target, fault.replica)
        else:
            self._targets.replicas.terminate(fault.target, fault.replica)
        self.done[fault.kind, fault.how] += 1

    def _freeze_process(self, fault: Fault) -> None:
        victim = self._targets.replicas.stop(fault.target, fault.replica)
        self._later(fault.seconds, lambda: Replicas.go_on(victim))
        self.done[fault.kind, fault.how] += 1

    def _restart_broker(self, fault: Fault) -> None:
        broker = self._targets.broker
        self._restart("broker", fault, broker.kill if fault.how == "kill -9" else broker.stop, broker.start)

    def _restart_database(self, fault: Fault) -> None:
        database = self._targets.database
        mode = cast("Literal['fast', 'immediate']", fault.how)
        self._restart("database", fault, lambda: database.stop(mode), database.start)

    def _restart(
        self, server: str, fault: Fault, stop: Callable[[], None], start: Callable[[], None]
    ) -> None:
        """On a thread of its own: meanwhile other things go wrong too."""

        def restart() -> None:
            try:
                stop()
                time.sleep(fault.seconds)
                start()
                self.done[fault.kind, fault.how] += 1
            except MailroomError as error:
                self.troubles.append(f"the {server} could not be restarted ({fault.how}): {error}")

        with suppress(KeyError):
            self._restarting[server].join()
        thread = self._restarting[server] = threading.Thread(target=restart, name=f"restart-{server}")
        thread.start()

    def _break_connections(self, fault: Fault) -> None:
        proxy = self._targets.proxies[fault.target]
        if fault.how == "cut":
            proxy.cut()
        elif fault.how == "freeze":
            proxy.freeze(fault.seconds)
        else:
            proxy.refuse(fault.seconds)
        self.done[fault.kind, fault.how] += 1

    def _fill_disk(self, fault: Fault) -> None:
        disk = self._targets.disk
        if disk is not None:
            disk.fill()
            self._later(fault.seconds, disk.free)
            self.done[fault.kind, fault.how] += 1

    def _jump(self, fault: Fault) -> None:
        clock = self._targets.clock
        if clock is not None:
            clock.jump(timedelta(seconds=fault.seconds if fault.how == "forward" else -fault.seconds))
            self.done[fault.kind, fault.how] += 1
