"""`python -m services.report_worker`."""

import sys
from datetime import UTC, datetime

import structlog

from services.report_worker.catalogue import Catalogue
from services.report_worker.settings import ReportSettings
from services.report_worker.worker import ReportWorker
from shared.broker import REPORT_COMMANDS, Topology
from shared.broker.consumer import Delivery
from shared.broker.events import Events
from shared.broker.publisher import Publisher
from shared.database.connections import open_pool, reports_url
from shared.settings import Settings
from shared.wire import ReportRun
from shared.worker.process import run_service
from shared.worker.service import QueueService

_log = structlog.get_logger()


def report_worker(settings: Settings) -> QueueService:
    """Put the report worker together."""
    threads = settings.reports.threads
    # one for each thread, one for the health pages
    pool = open_pool(settings.database_url, "mailroom report_worker", size=threads + 1)
    reports_pool = open_pool(reports_url(settings), "mailroom reports", size=threads)
    publisher = Publisher.of(settings, "report_worker")
    reports = ReportWorker(
        pool=pool,
        reports_pool=reports_pool,
        publisher=publisher,
        topology=Topology.of(settings),
        catalogue=_catalogue(settings),
        settings=ReportSettings.of(settings),
        clock=lambda: datetime.now(UTC),
        events=Events.of(settings, publisher),
    )

    def handle(delivery: Delivery) -> None:
        reports.handle(ReportRun.decode(delivery.type, delivery.body))

    return QueueService(
        REPORT_COMMANDS,
        handle,
        settings=settings,
        publisher=publisher,
        pools=[pool, reports_pool],
        threads=threads,
    )


def _catalogue(settings: Settings) -> Catalogue:
    """The reports there are; a broken entry is told by name and keeps no other from working."""
    catalogue = Catalogue.load(settings.reports.catalogue_path)
    for name, reason in catalogue.broken.items():
        _log.error("report cannot be used", action="report-broken", report=name, reason=str(reason))
    return catalogue


if __name__ == "__main__":
    sys.exit(run_service("report_worker", report_worker))
