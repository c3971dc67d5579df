"""`python -m services.ndr_worker`."""

import sys

from services.ndr_worker.batch import BatchHandler
from shared.broker import BOUNCE_COMMANDS, Topology
from shared.broker.publisher import Publisher
from shared.database.connections import database_trouble, open_pool
from shared.settings import Settings
from shared.worker.process import run_service
from shared.worker.runtime import Worker


class NdrWorkerService:
    """The NDR worker with what it stands on."""

    def __init__(self, settings: Settings) -> None:
        threads = settings.ndr.threads
        topology = Topology.of(settings)
        self._pool = open_pool(settings.database_url, "mailroom ndr_worker", size=threads + 1)
        self._publisher = Publisher.of(settings, "ndr_worker")
        self._handler = BatchHandler(self._pool, self._publisher, topology, settings)
        self._worker = Worker(
            BOUNCE_COMMANDS,
            self._handler.handle,
            settings=settings,
            topology=topology,
            publisher=self._publisher,
            threads=threads,
            prefetch=threads,
        )

    def start(self) -> None:
        """Begin to work."""
        self._handler.open()
        self._publisher.start()
        self._worker.start()

    def drain(self, timeout: float) -> bool:
        """Finish the batches in work."""
        drained = self._worker.drain(timeout)
        self._handler.close()
        self._publisher.stop()
        self._pool.close()
        return drained

    def trouble_living(self) -> str | None:
        """Say what is stuck."""
        return self._worker.trouble_living()

    def trouble_working(self) -> str | None:
        """Say why no work can be done now."""
        return self._worker.trouble_working() or self._handler.trouble() or database_trouble(self._pool)


if __name__ == "__main__":
    sys.exit(run_service("ndr_worker", NdrWorkerService))
