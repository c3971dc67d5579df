"""One batch of bounces: claim, pass the baton, decide, compose, publish, finish.

The only place where the worker's parts meet. Nothing of a batch is removed before its mails are confirmed on
mail-out; what is not confirmed keeps its lease and is taken up again, with the same ids, when that ends.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import structlog
from psycopg_pool import ConnectionPool, PoolTimeout

from services.ndr_worker import bounce_queue
from services.ndr_worker.bounce import Notification
from services.ndr_worker.bounce_queue import Claim, Finished
from services.ndr_worker.compose import ComposedNdr, Composer
from services.ndr_worker.identity import identity, policy
from services.ndr_worker.policy import decide
from services.ndr_worker.verify import defects
from shared.broker import Outcome, Publishing, Topology
from shared.broker.consumer import Delivery
from shared.settings import Settings
from shared.telemetry.metrics import BOUNCES_PROCESSED, NDRS
from shared.wire import BouncesPoll, Mail

_log = structlog.get_logger()
REPORTED = "reported"


@dataclass(frozen=True, slots=True)
class _Made:
    """What became of one claimed notification: a mail to publish, and entries dealt with once it is out."""

    mail: Mail | None
    finished: Sequence[Finished]


class BatchHandler:
    """Handles `bounces.poll` commands.

    Args:
        pool: connections to the database that holds the bounce queue.
        publisher: for mails and the baton.
        topology: where they go.
        settings: the `[ndr]` section and the host's name.
    """

    def __init__(
        self, pool: ConnectionPool, publisher: Publishing, topology: Topology, settings: Settings
    ) -> None:
        self._pool = pool
        self._publisher = publisher
        self._topology = topology
        self._ndr = settings.ndr
        self._composer = Composer(identity(settings))
        self._policy = policy(settings)

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
        except Exception:  # noqa: BLE001 - the seed's interval_error: a failed poll is followed by a long pause
            _log.exception("the batch failed", action="batch-failed", poll_id=poll.poll_id, hop=poll.hop)
            self._end(poll, "error")

    def _process(self, poll: BouncesPoll) -> None:
        claim = self._claim(poll)
        if claim.full:
            self._pass_baton(poll)
        self._deal_with([self._make(notification) for notification in claim.notifications])
        if not claim.full:
            found = poll.hop > 0 or bool(claim.notifications)
            self._end(poll, "found" if found else "empty")

    def _claim(self, poll: BouncesPoll) -> Claim:
        with self._pool.connection() as connection:
            return bounce_queue.claim(
                connection,
                poll.poll_id,
                limit=self._ndr.queuecache,
                prefix=self._ndr.attachmsg,
                lease=self._ndr.lease,
                chain_lease=self._ndr.chain_lease,
            )

    def _pass_baton(self, poll: BouncesPoll) -> None:
        """Let another worker claim the next batch while this one composes.

        A baton that is lost breaks the chain; the scheduler starts a new one when the chain's lease ends.
        """
        if self._publisher.publish([self._topology.address(poll.baton())]) != [Outcome.CONFIRMED]:
            _log.warning("baton not confirmed", action="baton-lost", poll_id=poll.poll_id, hop=poll.hop)

    def _make(self, notification: Notification) -> _Made:
        """Decide and compose; an NDR that cannot be made costs its own entries and nothing else."""
        message = notification.message
        decision = decide(message, notification.recipients, self._policy)
        finished = [
            Finished(entry.entry_id, message.message_id, action) for entry, action in decision.discarded
        ]
        finished += _quarantined(
            message.message_id, ((entry.entry_id, reason) for entry, reason in decision.quarantined)
        )
        if not decision.reported:
            return _Made(None, finished)
        reported = Notification(notification.ndr_id, message, decision.reported)
        try:
            ndr = self._composer.compose(reported, datetime.now(UTC))
            trouble = defects(ndr.message, len(decision.reported))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with this message, the others are not
            _log.exception("cannot compose", action="compose-failed", queue_id=message.message_id)
            trouble = f"cannot be composed: {type(error).__name__}: {error}"
        if trouble:
            NDRS.labels("quarantined").inc()
            reasons = ((entry.entry_id, trouble) for entry in decision.reported)
            return _Made(None, [*finished, *_quarantined(message.message_id, reasons)])
        finished += [Finished(entry.entry_id, message.message_id, REPORTED) for entry in decision.reported]
        return _Made(self._mail(ndr), finished)

    def _mail(self, ndr: ComposedNdr) -> Mail:
        now = datetime.now(UTC)
        return Mail(
            mail_id=ndr.mail_id,
            kind="ndr",
            mail_from="",
            rcpt_to=(ndr.rcpt_to,),
            message=ndr.message,
            created_at=now,
            expires_at=now + self._ndr.lifetime,
            body="8bitmime" if ndr.eight_bit else "7bit",
            smtputf8=ndr.smtputf8,
        )

    def _deal_with(self, made: Sequence[_Made]) -> None:
        """Publish the mails, then finish the entries whose mail is safe or that need none."""
        mailed = [item for item in made if item.mail]
        outcomes = self._publisher.publish(
            [self._topology.address(item.mail) for item in mailed if item.mail]
        )
        safe = [item for item in made if not item.mail]
        for item, outcome in zip(mailed, outcomes, strict=True):
            NDRS.labels("issued" if outcome is Outcome.CONFIRMED else outcome.value).inc()
            if outcome is Outcome.CONFIRMED:
                safe.append(item)
        if len(safe) < len(made):
            _log.warning("mails not confirmed", action="ndrs-unconfirmed", count=len(made) - len(safe))
        finished = [entry for item in safe for entry in item.finished]
        if not finished:
            return
        with self._pool.connection() as connection:
            bounce_queue.finish(connection, finished)
        for entry in finished:
            BOUNCES_PROCESSED.labels("quarantined" if entry.quarantine_reason else entry.action).inc()
        _log.info("batch finished", action="batch-finished", entries=len(finished), ndrs=len(mailed))

    def _end(self, poll: BouncesPoll, outcome: str) -> None:
        pause = {
            "found": self._ndr.interval_low,
            "empty": self._ndr.interval_high,
            "error": self._ndr.interval_error,
        }[outcome]
        with self._pool.connection() as connection:
            bounce_queue.end_chain(connection, poll.poll_id, outcome=outcome, pause=pause)


def _quarantined(message_id: int, reasons: Iterable[tuple[int, str]]) -> list[Finished]:
    return [Finished(entry_id, message_id, "quarantined", reason) for entry_id, reason in reasons]
