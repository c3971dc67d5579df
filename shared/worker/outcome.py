"""What a handler may say of a message: done (it returns), retry later, or poison."""

from datetime import timedelta

from shared.errors import MailroomError


class Retry(MailroomError):
    """The message cannot be processed now, but later it may; it goes to the retry ladder.

    Args:
        reason: why, in words that an operator reads in the message's headers.
        limited: whether the attempt counts against the worker's limit; waiting for somebody else's lease
            does not.
        delay: after about how long it comes back (see `shared.worker.waiting`); without it, the number of
            attempts says.
    """

    def __init__(self, reason: str, *, limited: bool = True, delay: timedelta | None = None) -> None:
        super().__init__(reason)
        self.limited = limited
        self.delay = delay


class Poison(MailroomError):
    """The message can never be processed; it is parked with this reason."""
