"""Reading a time that an operator typed."""

from datetime import datetime


def parse_moment(text: str) -> datetime:
    """Read a time with a zone (ISO 8601, RFC 3339).

    Raises:
        ValueError: it is none; the message gives the accepted form.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("not a time with a zone; write it like 2026-07-01T12:00:00Z")
    return moment
