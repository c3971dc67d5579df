"""A step of a trace, as those who take it see it, and the one that stands for none."""

from collections.abc import Mapping
from typing import Final, Literal, Protocol

Kind = Literal["internal", "producer", "consumer", "client"]
Value = str | int | float | bool | None


class Span(Protocol):
    """A step of a trace."""

    @property
    def recording(self) -> bool:
        """Whether anything that is noted is kept."""

    @property
    def traceparent(self) -> str | None:
        """What a message that follows from this step carries."""

    def note(self, **attributes: Value) -> None:
        """Add attributes; None is left out."""

    def event(self, name: str, **attributes: Value) -> None:
        """Add what has happened just now."""

    def fail(self, error: BaseException) -> None:
        """Add an error, without addresses and values."""

    def end(self) -> None:
        """End it; a context manager does that by itself."""


class _NoSpan:
    """The step of a trace that nobody wants."""

    recording = False
    traceparent = None

    def note(self, **_: Value) -> None:
        """Keep nothing."""

    def event(self, name: str, **_: Value) -> None:
        """Keep nothing."""

    def fail(self, error: BaseException) -> None:
        """Keep nothing."""

    def end(self) -> None:
        """Do nothing."""


NO_SPAN: Final[Span] = _NoSpan()


def named(attributes: Mapping[str, Value]) -> dict[str, str | int | float | bool]:
    """Give attributes their full names, and leave out those without a value."""
    return {f"mailroom.{name}": value for name, value in attributes.items() if value is not None}
