"""The mail relay's process: takes mails from mail-out and submits them by SMTP."""

import sys

from services.mail_relay.ledger import Ledger, open_ledger_pool
from services.mail_relay.relay import Relay
from services.mail_relay.server import SmtpServer
from services.mail_relay.submission import Submission
from shared.broker.publisher import Publisher
from shared.broker.topology import MAIL_OUT, Topology
from shared.settings import Settings
from shared.telemetry.metrics import MAIL_IN_DOUBT
from shared.worker.process import run_service
from shared.worker.runtime import Worker

#: Mails in hand per connection, enough to never wait for the broker; and the most, as memory holds them.
_PREFETCH_PER_CONNECTION, _MOST_PREFETCH = 25, 200


class RelayService:
    """The relay as its process sees it."""

    def __init__(self, settings: Settings) -> None:
        connections = settings.relay.connections
        server = SmtpServer.from_url(settings.smtp_url)
        topology = Topology.of(settings)
        # one for each thread, one for the health pages
        self._pool = open_ledger_pool(settings.database_url, size=connections + 1)
        self._ledger = Ledger(self._pool, settings.relay.attempt_lease)
        self._relay = Relay(
            self._ledger,
            [Submission(server, settings.host_name, settings.relay) for _ in range(connections)],
        )
        self._publisher = Publisher.of(settings, "mail_relay")
        self._worker = Worker(
            MAIL_OUT,
            self._relay.handle,
            settings=settings,
            topology=topology,
            publisher=self._publisher,
            threads=connections,
            prefetch=max(connections, min(_PREFETCH_PER_CONNECTION * connections, _MOST_PREFETCH)),
            limited=False,
        )
        MAIL_IN_DOUBT.set_function(self._ledger.count_in_doubt)

    def start(self) -> None:
        """Begin to work."""
        self._publisher.start()
        self._worker.start()

    def drain(self, timeout: float) -> bool:
        """Take no more mail, finish what is being sent, and tell whether it ended within `timeout` s."""
        drained = self._worker.drain(timeout)
        self._relay.close()
        self._publisher.stop()
        self._pool.close()
        return drained

    def trouble_living(self) -> str | None:
        """Say what is stuck, so that a restart would help."""
        return self._worker.trouble_living()

    def trouble_working(self) -> str | None:
        """Say why no mail can be sent now."""
        return self._worker.trouble_working() or self._ledger.trouble()


if __name__ == "__main__":
    sys.exit(run_service("mail_relay", RelayService))
