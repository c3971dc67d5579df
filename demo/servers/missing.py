"""The one message for whoever has no PostgreSQL or no RabbitMQ: which of the four ways to provide."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import MailroomError


@dataclass(frozen=True, slots=True)
class MissingServer:
    """A server that none of the four ways gave.

    Attributes:
        product: `PostgreSQL` or `RabbitMQ`.
        reason: what was tried and what came of it; one sentence without secrets.
        ways: what to provide, any one of which is enough, in the order in which they are tried.
    """

    product: str
    reason: str
    ways: tuple[str, ...]

    def __str__(self) -> str:
        """Give the paragraph for this server."""
        ways = "\n".join(f"  {number}. {way}" for number, way in enumerate(self.ways, start=1))
        return f"{self.product} is missing: {self.reason}\nProvide one of these:\n{ways}"


class ServersMissing(MailroomError):
    """A server is missing; the message says what to provide, for all the missing ones at once."""

    def __init__(self, servers: Sequence[MissingServer]) -> None:
        """Join the paragraphs of all missing servers into one message."""
        super().__init__("\n\n".join(str(server) for server in servers))
        self.servers = tuple(servers)


class ServerFailed(MailroomError):
    """A private server did not start; the message ends with the last lines of its log."""
