"""Values as a reader finds them in subject and body: one line, local times, counts."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from services.report_worker.window import Window

# Everything that could end a line: C0, DEL, C1, and Unicode's line and paragraph separators.
_LINE_BREAKERS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")


def one_line(text: str) -> str:
    """Return a text fit for a header: each run of blanks, line ends and control characters is one blank."""
    return _LINE_BREAKERS.sub(" ", text).strip()


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time as a reader in `zone` knows it, with the zone's abbreviation."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def count_text(count: int, noun: str) -> str:
    """Return `no rows`, `1 row` or `1,200 rows`."""
    return f"{count or 'no':{',' if count else ''}} {noun}{'' if count == 1 else 's'}"


def window_text(window: Window, zone: ZoneInfo) -> str:
    """Return where a window begins and ends."""
    return f"from {local_time(window.start, zone)} to {local_time(window.end, zone)}"
