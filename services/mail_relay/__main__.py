"""The mail relay's process: takes mails from mail-out and submits them by SMTP."""

import sys

from services.mail_relay.database import open_pool
from services.mail_relay.ledger import Ledger
from services.mail_relay.limits import Limits
from services.mail_relay.relay import Relay
from services.mail_relay.submission import Submission
from shared.broker.events import Events
from shared.broker.publisher import Publisher
from shared.broker.topology import MAIL_OUT
from shared.settings import Settings
from shared.telemetry.metrics import MAIL_IN_DOUBT
from shared.worker.process import run_service
from shared.worker.service import QueueService

#: Threads for each connection: while one mail is sent, others are with the ledger; and the most that are.
THREADS_PER_CONNECTION, _MOST_WITH_LEDGER = 4, 64
#: Mails in hand for each thread, so that none waits for the broker; and the most, as memory holds them: with
#: inline mails of at most 256 KiB (`reports.inline_limit`), 16 MiB of them by default, 32 MiB at most.
_PREFETCH_PER_THREAD, _MOST_PREFETCH = 4, 128
#: Database connections: opening and closing attempts, leases, health pages; and the most that load large
#: messages at once.
_DATABASE_CONNECTIONS, _MOST_LOADING = 4, 8


def mail_relay(settings: Settings) -> QueueService:
    """Put the relay together."""
    relay = settings.relay
    submissions = Submission.several(settings)
    threads = min(THREADS_PER_CONNECTION * relay.connections, relay.connections + _MOST_WITH_LEDGER)
    loading = min(relay.connections, _MOST_LOADING)
    pool = open_pool(settings.database_url, size=_DATABASE_CONNECTIONS + loading)
    publisher = Publisher.of(settings, "mail_relay")
    ledger = Ledger(pool, relay.attempt_lease, hold=relay.in_doubt == "hold")
    limits = Limits(pool, relay.limits, relay.attempt_lease)
    deliveries = Relay(ledger, submissions, relay, limits, Events.of(settings, publisher))
    MAIL_IN_DOUBT.set_function(ledger.count_in_doubt)
    return QueueService(
        MAIL_OUT,
        deliveries.handle,
        settings=settings,
        publisher=publisher,
        pools=[pool],
        threads=threads,
        prefetch=max(threads, min(_PREFETCH_PER_THREAD * threads, _MOST_PREFETCH)),
        limited=False,
        opening=deliveries.start,
        draining=deliveries.stop_waiting,
        closing=deliveries.close,
    )


if __name__ == "__main__":
    sys.exit(run_service("mail_relay", mail_relay, check=Submission.several))
