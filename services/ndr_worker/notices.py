"""What is due besides the bounces at the end of a chain of polls: digests and delay notices."""

from datetime import UTC, datetime

from psycopg_pool import ConnectionPool

from services.ndr_worker.issue import Issuer
from services.ndr_worker.mailing import Mailing
from services.ndr_worker.queue import budget, delay
from services.ndr_worker.records.records import Records
from shared.settings.ndr import NdrSettings


class Notices:
    """Sends digests and delay notices, each under an id that was committed before it was made.

    Args:
        pool: connections to the database that holds the bounce queue.
        issuer: composes.
        mailing: publishes.
        records: audit file.
        ndr: periods, thresholds, leases.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        issuer: Issuer,
        mailing: Mailing,
        records: Records,
        ndr: NdrSettings,
    ) -> None:
        self._pool = pool
        self._issuer = issuer
        self._mailing = mailing
        self._records = records
        self._ndr = ndr

    def send_digests(self) -> int:
        """Send the digests that are due (see `budget`); returns how many."""
        ndr = self._ndr
        with self._pool.connection() as connection:
            digests = budget.claim_digests(connection, period=ndr.sender_budget_period, lease=ndr.lease)
        now = datetime.now(UTC)
        issued = {digest.digest_id: self._issuer.digest(digest, now) for digest in digests}
        safe = self._mailing.publish(list(issued.values()))
        done = [digest_id for digest_id, item in issued.items() if item in safe]
        if done:
            with self._pool.connection() as connection:
                budget.finish_digests(connection, done)
        return len(done)

    def send_delays(self) -> int:
        """Tell senders of messages that are late (see `delay`); returns how many notices went out."""
        ndr = self._ndr
        if not ndr.delay_notices or not ndr.generate_ndr:
            return 0
        with self._pool.connection() as connection:
            late = delay.claim_delays(
                connection, ndr.delay_notices, limit=ndr.batch_limit, prefix=ndr.attachmsg, lease=ndr.lease
            )
        now = datetime.now(UTC)
        issued = {notification.ndr_id: self._issuer.delay(notification, now) for notification in late}
        safe = self._mailing.publish(list(issued.values()))
        self._records.audit([entry for item in safe for entry in item.finished])
        done = {ndr_id: bool(item.mails) for ndr_id, item in issued.items() if item in safe}
        if done:
            with self._pool.connection() as connection:
                delay.finish_delays(connection, done)
        return sum(done.values())
