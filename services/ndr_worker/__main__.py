"""`python -m services.ndr_worker`."""

import sys

from services.ndr_worker.batch import BatchHandler
from services.ndr_worker.high_water import HighWaterMark
from shared.broker import BOUNCE_COMMANDS, Topology
from shared.broker.events import Events
from shared.broker.publisher import Publisher
from shared.database.connections import open_pool
from shared.settings import Settings
from shared.worker.process import run_service
from shared.worker.service import QueueService


def ndr_worker(settings: Settings) -> QueueService:
    """Put the NDR worker together."""
    threads = settings.ndr.threads
    topology = Topology.of(settings)
    # one for each thread, one for the health pages
    pool = open_pool(settings.database_url, "mailroom ndr_worker", size=threads + 1)
    publisher = Publisher.of(settings, "ndr_worker")
    batches = BatchHandler(
        pool,
        publisher,
        topology,
        settings,
        mail_out=HighWaterMark.of(settings, publisher),
        events=Events.of(settings, publisher),
    )
    return QueueService(
        BOUNCE_COMMANDS,
        batches.handle,
        settings=settings,
        publisher=publisher,
        pools=[pool],
        threads=threads,
        trouble=batches.trouble,
        opening=batches.open,
        closing=batches.close,
    )


if __name__ == "__main__":
    sys.exit(run_service("ndr_worker", ndr_worker))
