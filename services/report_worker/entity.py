"""The site or bot that a run is about."""

from collections.abc import Mapping


def entity_of(scope: Mapping[str, str] | None) -> str | None:
    """Return its name; None for a run about everything."""
    return next(iter(scope.values()), None) if scope else None
