"""Holding bounces back while mail-out is full: they are safest where they are, in the bounce queue."""

from collections.abc import Callable
from typing import Self

import structlog

from shared.broker import MAIL_OUT, Topology
from shared.broker.publisher import Publisher
from shared.settings import Settings
from shared.telemetry.metrics import CLAIMS_PAUSED, MAIL_OUT_WAITING

_log = structlog.get_logger()


class HighWaterMark:
    """The mark on mail-out above which no bounces are claimed.

    Args:
        depth: tells how many mails are ready there; None while the broker does not say, which counts as
            above: a batch claimed now could not be published.
        mark: mails; 0: bounces are always claimed.
    """

    def __init__(self, depth: Callable[[], int | None], mark: int) -> None:
        self._depth = depth
        self._mark = mark
        self._was_above = False

    @classmethod
    def of(cls, settings: Settings, publisher: Publisher) -> Self:
        """Return the mark that `ndr.mail_out_high_water` sets."""
        queue = Topology.of(settings).name(MAIL_OUT)
        return cls(lambda: publisher.depth(queue), settings.ndr.mail_out_high_water)

    @classmethod
    def none(cls) -> Self:
        """Return what never holds back."""
        return cls(lambda: 0, 0)

    def exceeded(self) -> bool:
        """Whether to claim nothing now; the first time that the answer is another one, the log tells."""
        if not self._mark:
            return False
        waiting = self._depth()
        above = waiting is None or waiting > self._mark
        if waiting is not None:
            MAIL_OUT_WAITING.set(waiting)
        if above:
            CLAIMS_PAUSED.inc()
        if above != self._was_above:
            self._was_above = above
            _log.warning(
                "bounces wait until mail-out has been worked off" if above else "bounces are claimed again",
                action="claims-paused" if above else "claims-resumed",
                waiting=waiting,
                mark=self._mark,
            )
        return above
