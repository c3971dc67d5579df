"""Waiting in a test for what another thread or process does."""

import threading
import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], timeout: float = 30) -> None:
    """Look again and again until `condition` holds, at most `timeout` seconds."""
    until = time.monotonic() + timeout
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < until, "the condition did not come true in time"
        pause.wait(0.02)
