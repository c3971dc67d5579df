"""A service that consumes one queue: publisher, worker and pools, begun and ended in the order they need."""

from collections.abc import Callable, Sequence

from psycopg_pool import ConnectionPool

from shared.broker import Topology
from shared.broker.consumer import Delivery
from shared.broker.publisher import Publisher
from shared.database.connections import database_trouble
from shared.settings import Settings
from shared.worker.runtime import Worker


def _nothing() -> None:
    """Do nothing."""


class QueueService:
    """What the process of such a service runs; see `shared.worker.process.Service`.

    Args:
        queue_name: short name of the queue.
        handle: processes one message; called on several threads at once.
        settings: of the whole house.
        publisher: the service's; not started yet.
        pools: the service's connections, closed with it; each is to answer for the service to be ready.
        threads: messages in work at a time.
        prefetch: messages in hand; default: `threads`.
        limited: whether a failing message is parked after `worker.max_attempts`.
        trouble: says why no work can be done now, besides broker and database.
        opening: called before anything starts; may raise what keeps the service from working.
        draining: called when the service is to end, before the messages in work are waited for.
        closing: called when no message is in work any more.
    """

    def __init__(
        self,
        queue_name: str,
        handle: Callable[[Delivery], None],
        *,
        settings: Settings,
        publisher: Publisher,
        pools: Sequence[ConnectionPool],
        threads: int,
        prefetch: int | None = None,
        limited: bool = True,
        trouble: Callable[[], str | None] = _nothing,
        opening: Callable[[], None] = _nothing,
        draining: Callable[[], None] = _nothing,
        closing: Callable[[], None] = _nothing,
    ) -> None:
        self._publisher = publisher
        self._pools = pools
        self._trouble = trouble
        self._opening, self._draining, self._closing = opening, draining, closing
        self._worker = Worker(
            queue_name,
            handle,
            settings=settings,
            topology=Topology.of(settings),
            publisher=publisher,
            threads=threads,
            prefetch=prefetch or threads,
            limited=limited,
        )

    def start(self) -> None:
        """Begin to work."""
        self._opening()
        self._publisher.start()
        self._worker.start()

    def drain(self, timeout: float) -> bool:
        """Take no more messages, finish those in work, and tell whether that ended within `timeout` s."""
        self._draining()
        drained = self._worker.drain(timeout)
        self._closing()
        self._publisher.stop()
        for pool in self._pools:
            pool.close()
        return drained

    def trouble_living(self) -> str | None:
        """Say what is stuck, so that a restart would help."""
        return self._worker.trouble_living()

    def trouble_working(self) -> str | None:
        """Say why no work can be done now."""
        if trouble := self._worker.trouble_working() or self._trouble():
            return trouble
        return next(filter(None, map(database_trouble, self._pools)), None)
