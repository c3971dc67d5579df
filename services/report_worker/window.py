"""The stretch of time a report is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` (included) to `end` (not included); both have a time zone."""

    end: datetime
    length: timedelta

    @property
    def start(self) -> datetime:
        """When the window begins."""
        return self.end - self.length

    def parameters(self, scope: Mapping[str, str] | None) -> dict[str, Any]:
        """Return the values of a query's placeholders, those of the scope included."""
        return {"nominal_at": self.end, "interval": self.length, **(scope or {})}


def span_text(span: timedelta) -> str:
    """Return a span in the largest unit that measures it exactly: `45 minutes`, `12 hours`, `36 hours`."""
    seconds = int(span.total_seconds())
    for unit, size in _UNITS:
        count, rest = divmod(seconds, size)
        if count and not rest:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"
