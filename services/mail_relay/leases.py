"""Keeping attempts in hand leased: all those of a process renewed together, until each is recorded.

A server may take ten minutes to answer (RFC 5321 section 4.5.3.2.6) and a mail may wait for a connection,
while a relay that was killed should be noticed within minutes. So leases are short and renewed.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import structlog

from services.mail_relay.ledger import Ledger

_log = structlog.get_logger()
#: Renewals within one lease: two may fail and nothing is lost.
_RENEWALS = 3
#: The part of a lease for which this process believes in it; what is left is for the server to read the text.
_TRUST = 0.8
#: Seconds until the next try, when the database did not answer.
_PAUSE_AFTER_TROUBLE = 1.0
#: Seconds that the end waits for a renewal in progress; a database that hangs keeps no relay from ending.
_LAST_RENEWAL = 5.0


class Lease:
    """One mail's attempts in hand."""

    def __init__(self, mail_id: str, trusted_until: float) -> None:
        self.mail_id = mail_id
        self.trusted_until = trusted_until

    def ours(self) -> bool:
        """Whether no other relay can have taken the mail up meanwhile."""
        return time.monotonic() < self.trusted_until


class Leases:
    """The attempts that this process has in hand, renewed by a thread of their own.

    Args:
        ledger: where they are leased.
        tidy_up: done as often as they are renewed.
    """

    def __init__(self, ledger: Ledger, tidy_up: Callable[[], None] = lambda: None) -> None:
        self._ledger = ledger
        self._tidy_up = tidy_up
        self._length = ledger.lease.total_seconds()
        self._lock = threading.Lock()
        self._held: dict[UUID, Lease] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._renew_for_ever, name="leases", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def stop(self) -> None:
        """End renewing; what is still in hand goes to other relays when its lease ends."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_LAST_RENEWAL)

    @contextmanager
    def keep(self, mail_id: str, attempt_id: UUID, asked_at: float) -> Iterator[Lease]:
        """Keep a mail's attempts leased meanwhile.

        Args:
            mail_id: the mail.
            attempt_id: its attempts.
            asked_at: when the ledger was asked to open them, by the monotonic clock.
        """
        lease = Lease(mail_id, asked_at + _TRUST * self._length)
        with self._lock:
            self._held[attempt_id] = lease
        try:
            yield lease
        finally:
            with self._lock:
                del self._held[attempt_id]

    def renew(self) -> None:
        """Renew everything in hand once.

        Raises:
            psycopg.Error: the database does not answer.
        """
        with self._lock:
            held = dict(self._held)
        if not held:
            return
        asked_at = time.monotonic()
        for attempt_id in self._ledger.renew({key: lease.mail_id for key, lease in held.items()}):
            held[attempt_id].trusted_until = asked_at + _TRUST * self._length

    def _renew_for_ever(self) -> None:
        pause = self._length / _RENEWALS
        while not self._stopped.wait(pause):
            try:
                self.renew()
                self._tidy_up()
                pause = self._length / _RENEWALS
            except psycopg.Error as error:
                _log.warning("leases were not renewed", action="leases-not-renewed", error=str(error).strip())
                pause = min(pause, _PAUSE_AFTER_TROUBLE)
