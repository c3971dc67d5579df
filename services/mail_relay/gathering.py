"""Many threads' requests, executed together: the group commit of databases, on the client's side.

A commit waits for the disk, however little it writes. So while one group of requests is with the database,
those that arrive meanwhile gather, and go together when it is back. Nobody waits to fill a group: a request
that finds nothing going on goes at once, alone.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

_Request = TypeVar("_Request")
_Answer = TypeVar("_Answer")


class _Ticket(Generic[_Request, _Answer]):
    """A request, and where its thread waits for the answer or for being appointed leader."""

    def __init__(self, request: _Request) -> None:
        self.request = request
        # a bare lock, let go of to wake the thread: an Event costs several times as much
        self.asleep = threading.Lock()
        self.asleep.acquire()
        self.answers: list[_Answer] = []
        self.error: Exception | None = None
        self.settled = False


class Gatherer(Generic[_Request, _Answer]):
    """Executes requests of many threads in groups, one group at a time.

    The thread that finds no group under way leads: it executes its own request and all that wait, wakes their
    threads, and appoints the first of those that came meanwhile.

    Args:
        execute: takes requests and returns their answers in the same order.
        key: no two requests of a group have the same.
        shared_trouble: errors that concern no request in particular, so that every request of the group gets
            them; after any other the requests are executed one by one, each with its own result.
        most: requests of one group.
    """

    def __init__(
        self,
        execute: Callable[[Sequence[_Request]], Sequence[_Answer]],
        key: Callable[[_Request], Hashable],
        *,
        shared_trouble: type[Exception],
        most: int = 100,
    ) -> None:
        self._execute = execute
        self._key = key
        self._shared_trouble = shared_trouble
        self._most = most
        self._lock = threading.Lock()
        self._waiting: list[_Ticket[_Request, _Answer]] = []
        self._led = False

    def ask(self, request: _Request) -> _Answer:
        """Return the answer to a request, or raise what its execution raised."""
        ticket: _Ticket[_Request, _Answer] = _Ticket(request)
        with self._lock:
            self._waiting.append(ticket)
            leads, self._led = not self._led, True
        if not leads:
            ticket.asleep.acquire()
        if not ticket.settled:
            self._lead()
        if ticket.error is not None:
            raise ticket.error
        return ticket.answers[0]

    def _lead(self) -> None:
        """Execute a group that the calling thread's own request, the first that waits, is part of."""
        group = self._take_group()
        try:
            self._settle(group)
        finally:
            with self._lock:
                self._led = bool(self._waiting)
                appointed = self._waiting[0] if self._waiting else None
            if appointed is not None:
                appointed.asleep.release()
            for ticket in group:
                ticket.settled = True
                ticket.asleep.release()

    def _take_group(self) -> list[_Ticket[_Request, _Answer]]:
        group: dict[Hashable, _Ticket[_Request, _Answer]] = {}
        left = []
        with self._lock:
            for ticket in self._waiting:
                key = self._key(ticket.request)
                if key in group or len(group) == self._most:
                    left.append(ticket)
                else:
                    group[key] = ticket
            self._waiting = left
        return list(group.values())

    def _settle(self, group: Sequence[_Ticket[_Request, _Answer]]) -> None:
        try:
            answers = self._execute([ticket.request for ticket in group])
            for ticket, answer in zip(group, answers, strict=True):
                ticket.answers.append(answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised by whoever asked
            if len(group) == 1 or isinstance(error, self._shared_trouble):
                for ticket in group:
                    ticket.error = error
                return
            for ticket in group:
                self._settle([ticket])
