"""One batch of bounces: claim, pass the baton, issue, publish, record, finish.

The only place where the worker's parts meet. Nothing of a batch is removed before its mails are confirmed on
mail-out and its records are on disk; what is not keeps its lease and is taken up again, with the same ids,
when that ends.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
import structlog
from psycopg_pool import ConnectionPool, PoolTimeout

from services.ndr_worker.bounce import Action, Notification
from services.ndr_worker.events import events_of
from services.ndr_worker.high_water import HighWaterMark
from services.ndr_worker.issue import QUARANTINED, REPORTED, Issuer
from services.ndr_worker.mailing import Mailing
from services.ndr_worker.notices import Notices
from services.ndr_worker.queue import bounce_queue, budget, housekeeping
from services.ndr_worker.queue.bounce_queue import Claim, ClaimTerms, Finished
from services.ndr_worker.records.records import Records
from shared.broker import Outcome, Publishing, Topology
from shared.broker.consumer import Delivery
from shared.broker.events import Events
from shared.broker.sending import send
from shared.settings import Settings
from shared.telemetry import tracing
from shared.telemetry.metrics import BOUNCES_PROCESSED, begin_at_zero
from shared.wire import BouncesPoll

_log = structlog.get_logger()


class BatchHandler:
    """Handles `bounces.poll` commands.

    Args:
        pool: connections to the database that holds the bounce queue.
        publisher: for mails and the baton.
        topology: where they go.
        settings: the `[ndr]` section, the directories and the host's name.
        mail_out: says when there is no room for more mails.
        events: tells others what became of bounces.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        publisher: Publishing,
        topology: Topology,
        settings: Settings,
        *,
        mail_out: HighWaterMark | None = None,
        events: Events | None = None,
    ) -> None:
        self._pool = pool
        self._publisher = publisher
        self._topology = topology
        self._ndr = settings.ndr
        self._issuer = Issuer(settings)
        self._mailing = Mailing(publisher, topology)
        self._records = Records(settings)
        self._notices = Notices(pool, self._issuer, self._mailing, self._records, settings.ndr)
        self._terms = _terms(settings)
        self._mail_out = mail_out or HighWaterMark.none()
        self._events = events or Events.off()
        begin_at_zero(BOUNCES_PROCESSED, (REPORTED, QUARANTINED))

    def handle(self, delivery: Delivery) -> None:
        """Process one poll.

        Raises:
            WireError: the command cannot be read.
            psycopg.Error: the database is away; the command is to be tried again.
        """
        poll = BouncesPoll.decode(delivery.type, delivery.body)
        try:
            self._process(poll)
        except (psycopg.OperationalError, PoolTimeout):
            raise
        except Exception as error:  # noqa: BLE001 - the seed's interval_error: a failed poll is followed by a long pause
            tracing.fail(error)
            _log.exception("the batch failed", action="batch-failed", poll_id=poll.poll_id, hop=poll.hop)
            self._end(poll, "error")

    def open(self) -> None:
        """Open the records.

        Raises:
            AuditUnwritable, CopyUnwritable: a path is wrong.
        """
        self._records.open()

    def trouble(self) -> str | None:
        """Say why records cannot be written now."""
        return self._records.trouble()

    def close(self) -> None:
        """Close the records."""
        self._records.close()

    def _process(self, poll: BouncesPoll) -> None:
        if self._mail_out.exceeded():
            self._end(poll, "paused")
            return
        self._records.try_out()
        claim = self._claim(poll)
        if claim.full:
            self._pass_baton(poll)
        self._deal_with_all(claim.notifications)
        if claim.full:
            return
        others = self._notices.send_digests() + self._notices.send_delays()
        self._keep_house()
        found = poll.hop > 0 or bool(claim.notifications) or others > 0
        self._end(poll, "found" if found else "empty")

    def _claim(self, poll: BouncesPoll) -> Claim:
        with tracing.span("claim bounces") as span, self._pool.connection() as connection:
            claim = bounce_queue.claim(connection, poll.poll_id, self._terms)
            span.note(notifications=len(claim.notifications), full=claim.full)
            return claim

    def _pass_baton(self, poll: BouncesPoll) -> None:
        """Let another worker claim the next batch while this one composes.

        A baton that is lost breaks the chain; the scheduler starts a new one when the chain's lease ends.
        Each batch has a trace of its own, linked to that of the one before: a backlog's would never end.
        """
        baton = poll.baton()
        with tracing.span("pass baton", identity=baton.message_id):
            outcomes = send(self._publisher, [self._topology.address(baton)])
        if outcomes != [Outcome.CONFIRMED]:
            _log.warning("baton not confirmed", action="baton-lost", poll_id=poll.poll_id, hop=poll.hop)

    def _deal_with_all(self, notifications: Sequence[Notification]) -> None:
        """Issue what was claimed, publish it, record it, and only then remove the entries."""
        if not notifications:
            return
        now = datetime.now(UTC)
        past_budget = self._past_budget(notifications)
        with tracing.span("compose NDRs", notifications=len(notifications)):
            issued = [
                self._issuer.issue(notification, now, past_budget=notification.ndr_id in past_budget)
                for notification in notifications
            ]
        safe = self._mailing.publish(issued)
        finished = [entry for item in safe for entry in item.finished]
        if not finished:
            return
        with tracing.span("finish bounces", entries=len(finished)):
            self._records.keep_copies(item.copy for item in safe if item.copy)
            self._records.audit(finished)
            with self._pool.connection() as connection:
                bounce_queue.finish(connection, finished)
        self._tell(finished)

    def _tell(self, finished: Sequence[Finished]) -> None:
        """Count what is done, and announce it."""
        for entry in finished:
            BOUNCES_PROCESSED.labels(str(entry.action)).inc()
        for kind, ndr_id, details in events_of(finished):
            self._events.announce(kind, ndr_id, **details)
        _log.info("batch finished", action="batch-finished", entries=len(finished))

    def _past_budget(self, notifications: Sequence[Notification]) -> frozenset[object]:
        if not self._ndr.sender_budget:
            return frozenset()
        counted = {
            notification.ndr_id: notification.message.sender
            for notification in notifications
            if notification.message.sender and notification.action is Action.FAILED
        }
        with self._pool.connection() as connection:
            return budget.past_budget(
                connection,
                counted,
                budget=self._ndr.sender_budget,
                period=self._ndr.sender_budget_period,
            )

    def _keep_house(self) -> None:
        with self._pool.connection() as connection:
            housekeeping.keep_house(
                connection,
                interval=self._ndr.interval_housekeeping,
                prune_after=self._ndr.prune_after,
                period=self._ndr.sender_budget_period,
            )

    def _end(self, poll: BouncesPoll, outcome: str) -> None:
        pause = {
            "found": self._ndr.interval_low,
            "paused": self._ndr.interval_low,
            "empty": self._ndr.interval_high,
            "error": self._ndr.interval_error,
        }[outcome]
        with self._pool.connection() as connection:
            bounce_queue.end_chain(connection, poll.poll_id, outcome=outcome, pause=pause)


def _terms(settings: Settings) -> ClaimTerms:
    ndr = settings.ndr
    return ClaimTerms(
        limit=ndr.batch_limit,
        prefix=ndr.attachmsg,
        lease=ndr.lease,
        chain_lease=ndr.chain_lease,
        settle=ndr.settle,
        max_recipients=ndr.max_recipients,
        delivered=ndr.success_notices,
    )
