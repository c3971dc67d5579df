"""Putting what was issued on mail-out, and telling what of it is safe there."""

from collections.abc import Sequence
from contextlib import nullcontext

import structlog

from services.ndr_worker.issue import Issued
from shared.broker import Outcome, Publishing, Topology
from shared.broker.sending import send
from shared.telemetry import tracing
from shared.telemetry.metrics import NDRS, begin_at_zero

_log = structlog.get_logger()


class Mailing:
    """Publishes the mails of many items in one run.

    Args:
        publisher: to the broker.
        topology: where mails go.
    """

    def __init__(self, publisher: Publishing, topology: Topology) -> None:
        self._publisher = publisher
        self._topology = topology
        begin_at_zero(NDRS, ("issued", "unconfirmed"))

    def publish(self, issued: Sequence[Issued]) -> list[Issued]:
        """Publish every mail at once and return the items all of whose mails are confirmed."""
        mails = [mail for item in issued for mail in item.mails]
        with tracing.span("publish NDRs", mails=len(mails)) if mails else nullcontext():
            outcomes = iter(send(self._publisher, [self._topology.address(mail) for mail in mails]))
        safe = []
        for item in issued:
            confirmed = [next(outcomes) is Outcome.CONFIRMED for _ in item.mails]
            if item.mails:
                NDRS.labels("issued" if all(confirmed) else "unconfirmed").inc()
            if all(confirmed):
                safe.append(item)
        if len(safe) < len(issued):
            _log.warning("mails not confirmed", action="ndrs-unconfirmed", count=len(issued) - len(safe))
        return safe
