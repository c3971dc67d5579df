"""A run that is interrupted, by SIGTERM or Ctrl-C, removes its databases and virtual hosts."""

import signal
from types import FrameType

from xdist.workermanage import NodeManager

#: Seconds until the processes that run the tests are killed. They are interrupted after five, and end by
#: themselves after fifteen.
_PATIENCE = 30


def pytest_configure() -> None:
    """Listen, in the process that was started and in those that it starts."""
    NodeManager.EXIT_TIMEOUT = _PATIENCE
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)


def _interrupt(_: int, __: FrameType | None) -> None:
    # a second one, as pytest-xdist sends to whom Ctrl-C has reached already, would break off the removing
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt
