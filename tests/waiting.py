"""Waiting in a test for what another thread or process does."""

import threading
import time
from collections.abc import Callable

#: Seconds between two looks.
_PAUSE = 0.05


def wait_until(
    condition: Callable[[], bool], timeout: float = 30, what: Callable[[], str] = lambda: ""
) -> None:
    """Look again and again until a condition holds.

    Args:
        condition: asked again and again.
        timeout: seconds after which it fails.
        what: tells, when it fails, how things stand.
    """
    until = time.monotonic() + timeout
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < until, f"not so after {timeout:.0f} s: {what()}"
        pause.wait(_PAUSE)
