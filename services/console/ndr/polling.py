"""One chain of polls in this process: the worker's own batches until the queue is empty."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from psycopg_pool import ConnectionPool

from services.console.progress import Progress, unheard
from services.ndr_worker.batch import BatchHandler
from shared.broker import Outcome, Outgoing, Publishing, Topology
from shared.broker.consumer import Delivery
from shared.database.statements import load_statements
from shared.errors import MailroomError
from shared.settings import Settings
from shared.telemetry.metrics import BOUNCES_PROCESSED
from shared.wire import BouncesPoll, Mail

_SQL = load_statements("services.console.ndr", "ndr.sql")


class PollFailed(MailroomError):
    """A batch failed; its entries keep their lease and are taken up again when that ends."""


@dataclass(frozen=True, slots=True)
class PollCounts:
    """What a chain of polls did.

    Attributes:
        batches: how many were claimed.
        mails: how many were published: NDRs, copies, notices.
        entries: how many ended, by audit action.
    """

    batches: int
    mails: int
    entries: dict[str, int]


class _BatonKept:
    """Publishes mails and keeps the baton, so that the next batch of the chain stays in this process."""

    def __init__(self, publisher: Publishing) -> None:
        self._publisher = publisher
        self.baton: Outgoing | None = None
        self.mails = 0

    def publish(self, messages: list[Outgoing]) -> list[Outcome]:
        batons = [message for message in messages if message.type == BouncesPoll.TYPE]
        if batons:
            (self.baton,) = batons
            return [Outcome.CONFIRMED]
        outcomes = self._publisher.publish(messages)
        self.mails += sum(
            outcome is Outcome.CONFIRMED and message.type == Mail.TYPE
            for message, outcome in zip(messages, outcomes, strict=True)
        )
        return outcomes

    def taken(self) -> Outgoing | None:
        baton, self.baton = self.baton, None
        return baton


def poll_once(
    pool: ConnectionPool, publisher: Publishing, settings: Settings, progress: Progress = unheard
) -> PollCounts:
    """Process bounced entries until a batch is not full.

    It becomes the house's one chain of polls, so that the scheduler waits for it; while another one runs, it
    works beside that one.

    Args:
        pool: connections to the bounce queue.
        publisher: for the mails.
        settings: as the worker has them.
        progress: is told after each batch how many entries have ended.

    Raises:
        PollFailed: a batch failed; beside another chain, only the log tells.
    """
    topology = Topology.of(settings)
    kept = _BatonKept(publisher)
    before = _ended()
    poll = BouncesPoll(str(uuid4()), datetime.now(UTC))
    batches = 0
    with closing(BatchHandler(pool, kept, topology, settings)) as handler:
        handler.open()
        _start_chain(pool, poll, settings)
        for command in _chain(topology.address(poll), kept):
            handler.handle(_delivered(command))
            batches += 1
            progress((_ended() - before).total(), None)
    if _outcome(pool, poll) == "error":
        raise PollFailed(
            "a batch failed, see the log above; its entries are taken up again when their lease ends "
            f"({settings.ndr.lease})"
        )
    return PollCounts(batches, kept.mails, dict(_ended() - before))


def _chain(first: Outgoing, kept: _BatonKept) -> Iterator[Outgoing]:
    command: Outgoing | None = first
    while command is not None:
        yield command
        command = kept.taken()


def _delivered(command: Outgoing) -> Delivery:
    """The command as the broker would hand it to a worker."""
    return Delivery(0, 0, command.type, command.message_id, command.routing_key, command.body)


def _start_chain(pool: ConnectionPool, poll: BouncesPoll, settings: Settings) -> None:
    chain: Mapping[str, object] = {
        "poll_id": poll.poll_id,
        "nominal_at": poll.nominal_at,
        "chain_lease": settings.ndr.chain_lease,
    }
    with pool.connection() as connection:
        connection.execute(_SQL["start_chain"], chain)


def _outcome(pool: ConnectionPool, poll: BouncesPoll) -> str | None:
    with pool.connection() as connection:
        row = connection.execute(_SQL["chain_outcome"], {"poll_id": poll.poll_id}).fetchone()
    return row[0] if row else None


def _ended() -> Counter[str]:
    """Entries this process has ended, by action."""
    return Counter(
        {
            sample.labels["action"]: int(sample.value)
            for metric in BOUNCES_PROCESSED.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }
    )
