"""PostgreSQL's clock, which is everybody's clock, made to jump: a private server runs under libfaketime.

libfaketime (Debian: `apt install libfaketime`) stands between the server and the C library and adds an
offset, read from a file, to every time the server asks for. Each process of the server looks at the file once
a second, so that a jump reaches all of them within two; looking each time would open files inside signal
handlers. The monotonic clock is left alone: it doesn't jump on a real machine either.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

#: Where packages put the library; the one for single-threaded programs, which PostgreSQL's are.
_PLACES = ("lib/*/faketime", "lib/faketime", "lib64/faketime", "local/lib/faketime")
_LIBRARY = "libfaketime.so.1"

#: After this, every process of the server has seen a jump.
SEEN_AFTER = timedelta(seconds=2.1)


def faketime_library(root: Path = Path("/usr")) -> Path | None:
    """Find libfaketime, or give None if it isn't installed: then no clock can be made to jump."""
    return next((found for place in _PLACES for found in sorted(root.glob(f"{place}/{_LIBRARY}"))), None)


@dataclass(frozen=True, slots=True)
class ServerClock:
    """The clock of the servers that were started with its `environment`."""

    library: Path
    offset_file: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables a server is to be started with, and started with again after each stop."""
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.offset_file),
            "FAKETIME_CACHE_DURATION": "1",
            # two spellings, for old and new versions of the library
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # the offset is in the file; shared memory would only be left behind by a killed server
            "FAKETIME_DISABLE_SHM": "1",
        }

    @property
    def offset(self) -> timedelta:
        """How far it is from the machine's clock."""
        return timedelta(seconds=float(self.offset_file.read_text(encoding="ascii")))

    def jump(self, by: timedelta) -> None:
        """Set it forward or, by a negative time, back; seen by the whole server after `SEEN_AFTER`."""
        self.set(self.offset + by)

    def set(self, offset: timedelta) -> None:
        fresh = self.offset_file.with_suffix(".new")
        fresh.write_text(f"{offset.total_seconds():+f}", encoding="ascii")
        fresh.chmod(0o644)
        fresh.replace(self.offset_file)


@contextmanager
def server_clock(library: Path) -> Iterator[ServerClock]:
    """Have a clock for a private server, right at first.

    Args:
        library: from `faketime_library`.
    """
    with tempfile.TemporaryDirectory(prefix="mailroom-clock-") as folder:
        # the server runs as a user of its own and has to read the file
        Path(folder).chmod(0o755)
        clock = ServerClock(library, Path(folder, "offset"))
        clock.set(timedelta())
        yield clock
