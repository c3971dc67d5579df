"""`python -m services.scheduler`."""

import sys
import time
from datetime import timedelta

from services.scheduler.housekeeper import Housekeeper
from services.scheduler.queue_gauges import QueueGauges
from services.scheduler.scheduler import Scheduler
from shared.broker import Topology
from shared.broker.publisher import Publisher
from shared.database.connections import open_pool
from shared.settings import Settings
from shared.worker.process import run_service


class SchedulerService:
    """The scheduler with what it stands on."""

    def __init__(self, settings: Settings) -> None:
        topology = Topology.of(settings)
        self._pool = open_pool(settings.database_url, "mailroom scheduler", size=3)
        # It publishes again what was not taken, and has other schedules to look after meanwhile.
        self._publisher = Publisher.of(settings, "scheduler", patience=timedelta(0))
        gauges = QueueGauges(self._publisher, topology)
        self._scheduler = Scheduler(
            self._pool, self._publisher, topology, settings, ask_broker=gauges.refresh
        )
        self._housekeeper = Housekeeper(self._pool, settings)

    def start(self) -> None:
        """Begin to work."""
        self._publisher.start()
        self._scheduler.start()
        self._housekeeper.start()

    def drain(self, timeout: float) -> bool:
        """Finish the round in progress, and the batch that is being removed."""
        end = time.monotonic() + timeout
        drained = self._scheduler.stop(timeout)
        drained &= self._housekeeper.stop(max(0, end - time.monotonic()))
        self._publisher.stop()
        self._pool.close()
        return drained

    def trouble_living(self) -> str | None:
        """Say what is stuck."""
        return self._scheduler.trouble_living()

    def trouble_working(self) -> str | None:
        """Say why no work can be done now."""
        if not self._publisher.connected:
            return "the publisher is not connected"
        return self._scheduler.trouble_working()


if __name__ == "__main__":
    sys.exit(run_service("scheduler", SchedulerService))
