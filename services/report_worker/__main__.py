"""`python -m services.report_worker`."""

import sys
from datetime import UTC, datetime

import structlog

from services.report_worker.catalogue import Catalogue
from services.report_worker.settings import ReportSettings
from services.report_worker.worker import ReportWorker
from shared.broker import REPORT_COMMANDS, Topology
from shared.broker.consumer import Delivery
from shared.broker.publisher import Publisher
from shared.database.connections import database_trouble, open_pool, reports_url
from shared.settings import Settings
from shared.wire import ReportRun
from shared.worker.process import run_service
from shared.worker.runtime import Worker

_log = structlog.get_logger()


class ReportWorkerService:
    """The report worker with what it stands on."""

    def __init__(self, settings: Settings) -> None:
        threads = settings.reports.threads
        topology = Topology.of(settings)
        self._pool = open_pool(settings.database_url, "mailroom report_worker", size=threads + 1)
        self._reports_pool = open_pool(reports_url(settings), "mailroom reports", size=threads)
        self._publisher = Publisher.of(settings, "report_worker")
        reports = ReportWorker(
            pool=self._pool,
            reports_pool=self._reports_pool,
            publisher=self._publisher,
            topology=topology,
            catalogue=_catalogue(settings),
            settings=ReportSettings.of(settings),
            clock=lambda: datetime.now(UTC),
        )

        def handle(delivery: Delivery) -> None:
            reports.handle(ReportRun.decode(delivery.type, delivery.body))

        self._worker = Worker(
            REPORT_COMMANDS,
            handle,
            settings=settings,
            topology=topology,
            publisher=self._publisher,
            threads=threads,
            prefetch=threads,
        )

    def start(self) -> None:
        """Begin to work."""
        self._publisher.start()
        self._worker.start()

    def drain(self, timeout: float) -> bool:
        """Finish the runs in work."""
        drained = self._worker.drain(timeout)
        self._publisher.stop()
        self._pool.close()
        self._reports_pool.close()
        return drained

    def trouble_living(self) -> str | None:
        """Say what is stuck."""
        return self._worker.trouble_living()

    def trouble_working(self) -> str | None:
        """Say why no work can be done now."""
        return (
            self._worker.trouble_working()
            or database_trouble(self._pool)
            or database_trouble(self._reports_pool)
        )


def _catalogue(settings: Settings) -> Catalogue:
    """The reports there are; a broken entry is told by name and keeps no other from working."""
    catalogue = Catalogue.load(settings.reports.catalogue_path)
    for name, reason in catalogue.broken.items():
        _log.error("report cannot be used", action="report-broken", report=name, reason=str(reason))
    return catalogue


if __name__ == "__main__":
    sys.exit(run_service("report_worker", ReportWorkerService))
