"""Places between the ledger and the mail server: how many mails may have an attempt that is not sent yet.

What is in them when a relay is killed is in doubt, so there are only as many as keep the connections busy
while the ledger answers. Mails without one wait before their attempt is opened.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager


class Places:
    """A number of places.

    Args:
        number: how many there are.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._changed = threading.Condition()
        self._abandoned = False

    @contextmanager
    def taken(self) -> Iterator[Callable[[], None] | None]:
        """Have a place, waiting for it as long as it takes.

        Yields:
            What gives it back before the end; None when there is none to be had any more.
        """
        with ExitStack() as given_back:
            if self._take():
                given_back.callback(self._give_back)
                yield given_back.close
            else:
                yield None

    def abandon(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def _take(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0 or self._abandoned)
            if self._abandoned:
                return False
            self._free -= 1
            return True

    def _give_back(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify()
