"""The gate before the mail server: while it cannot be used, mails wait here instead of failing one by one."""

import random
import threading
import time
from collections.abc import Callable

import structlog

from shared.telemetry.metrics import MAIL_SERVER_USABLE

_log = structlog.get_logger()
#: Seconds until a server that cannot be used is tried again: at first, and at most.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0


def pause_after(failures: int, chance: float) -> float:
    """Return how many seconds to leave the server alone after so many failures in a row; `chance` 0 to 1."""
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures - 1, 10))
    return longest * (0.5 + chance / 2)


class Gate:
    """Whether the server can be used, for all threads of a process.

    It is open until somebody says that the server cannot be used. Then nobody passes; after a pause one
    thread at a time tries the server for all, and the pauses grow until one succeeds.

    Args:
        probe: tries to use the server; raises `trouble` when it cannot be used.
        trouble: what it raises.
        chance: 0 to 1, anew each time.
    """

    def __init__(
        self,
        probe: Callable[[], None],
        trouble: type[Exception],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._probe = probe
        self._trouble = trouble
        self._chance = chance
        self._changed = threading.Condition()
        self._reason: str | None = None
        self._failures = 0
        self._probe_at = 0.0
        self._probing = False
        self._abandoned = False
        MAIL_SERVER_USABLE.set(1)

    @property
    def reason(self) -> str | None:
        """Why the gate is closed, or None."""
        return self._reason

    def passed(self, patience: float) -> bool:
        """Wait until the gate is open, at most about `patience` s, and tell whether it is."""
        until = time.monotonic() + patience
        while self._reason is not None:
            if not self._has_turn_to_probe(until):
                return self._reason is None
            try:
                self._probe()
            except self._trouble as trouble:
                self.close(str(trouble))
            else:
                self._open()
            finally:
                self._end_turn()
        return True

    def close(self, reason: str) -> None:
        """Let nobody pass for a while: the server cannot be used, for this reason."""
        with self._changed:
            if self._reason is not None and not self._probing:
                return  # one of several threads that found out together
            self._reason = reason
            self._failures += 1
            pause = pause_after(self._failures, self._chance())
            self._probe_at = time.monotonic() + pause
        MAIL_SERVER_USABLE.set(0)
        _log.warning(
            "the mail server cannot be used",
            action="mail-server-away",
            reason=reason,
            failures=self._failures,
            next_try_in=round(pause, 1),
        )

    def abandon(self) -> None:
        """Let nobody wait here any more: the process ends."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def _has_turn_to_probe(self, until: float) -> bool:
        """Wait for the turn to try the server; False when the gate opened meanwhile or the time is over."""
        with self._changed:
            while self._reason is not None and not self._abandoned:
                now = time.monotonic()
                if not self._probing and now >= self._probe_at:
                    self._probing = True
                    return True
                if now >= until:
                    return False
                self._changed.wait((until if self._probing else min(until, self._probe_at)) - now)
            return False

    def _open(self) -> None:
        with self._changed:
            self._reason, self._failures = None, 0
        MAIL_SERVER_USABLE.set(1)
        _log.info("the mail server can be used again", action="mail-server-back")

    def _end_turn(self) -> None:
        with self._changed:
            self._probing = False
            self._changed.notify_all()
