"""The audit log file: what became of every bounced entry, for archives and people (seed 4.6.2, 5.3-5.7).

The caller writes a batch's records, then calls `flush`, then removes the entries. Each flush is one write,
on the disk before it returns. One that fails leaves the file as it was and drops the caller's buffered
lines: its entries are still in the queue, and the batch that takes them up again writes the lines again. A
line may so come twice (its `NDR` and `id` tell), never not at all.

Differences from the seed. A line goes to the file of its own time, however long it was buffered. A log that
is limited in size and has no token for the time goes on in `NAME.1`, `NAME.2` and so on, where the seed
never rotated. A file that was moved or deleted is made anew, so logrotate needs no signal. A write error
stops nothing but the batch.
"""

import itertools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.ndr_worker.records.audit_line import AuditRecord, audit_line
from services.ndr_worker.records.durable import AppendFile, try_out
from services.ndr_worker.records.path_tokens import PathTemplate, period_start
from shared.errors import MailroomError
from shared.settings.ndr import DirectorySettings, Rotation

_DATE_IN_NAME = frozenset({"daily", "hourly", "minute"})


class AuditUnwritable(MailroomError):
    """The audit log cannot be written; make room or correct the path or its permissions, nothing is lost."""

    def __init__(self, path: Path, error: OSError) -> None:
        reason = error.strerror or str(error)
        super().__init__(
            f"the audit log {path} cannot be written: {reason}; the entries stay in the queue until it can"
        )


@dataclass(slots=True)
class _Buffer:
    since: datetime
    lines: list[tuple[datetime, bytes]] = field(default_factory=list)

    def size(self) -> int:
        return sum(len(line) for _, line in self.lines)


def _now() -> datetime:
    return datetime.now(UTC)


class AuditLog:
    """One log, for all threads of a process; other processes may write to the same file.

    Args:
        template: Path with tokens (`path_tokens`).
        rotation: When the log goes on in a new file.
        max_size: Octets past which it goes on in a new file; replaces the rotation; 0: no limit.
        buffer: Octets of lines from which on a write is not put off.
        flush: The longest that a write puts lines off; 0: not at all.
        directories: What the tokens for directories stand for.
        clock: Gives the present, with a time zone.

    Raises:
        UnknownPathToken: The template has a token that nothing stands for.
    """

    def __init__(
        self,
        template: str,
        *,
        rotation: Rotation,
        max_size: int,
        buffer: int,
        flush: timedelta,
        directories: DirectorySettings,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._rotation: Rotation = "never" if max_size else rotation
        self._max_size = max_size
        self._template = PathTemplate(
            template, self._rotation, directories, os.getpid(), threading.get_native_id()
        )
        self._buffer_limit = buffer
        self._flush_after = flush
        self._clock = clock
        self._lock = threading.Lock()
        # Each thread has a batch of its own: one that fails must not take another one's lines along.
        self._buffers: dict[int, _Buffer] = {}
        self._path: Path | None = None
        self._file: AppendFile | None = None
        self._trouble: str | None = None

    def open(self) -> None:
        """Open the present file, so that a wrong path shows before there is anything to write.

        Raises:
            AuditUnwritable: It cannot be opened.
        """
        with self._lock:
            self._append(self._clock(), b"")

    def try_out(self) -> None:
        """See whether what failed last time would succeed now; without a failure, do nothing.

        Raises:
            AuditUnwritable: It would not.
        """
        with self._lock:
            if self._trouble is None:
                return
            path = self._template.at(self._clock())
            try:
                if path.is_file() or not path.exists():  # a stream has no room to run out of
                    try_out(path.resolve().parent)
            except OSError as error:
                raise AuditUnwritable(path, error) from error
            self._append(self._clock(), b"")

    def write(self, records: Sequence[AuditRecord]) -> None:
        """Write records, or keep them until the thread's buffer is full, its time has passed, or `flush`.

        Raises:
            AuditUnwritable: None of what this thread has in the buffer is written any more; repeat the batch.
        """
        if not records:
            return
        dated = self._rotation not in _DATE_IN_NAME
        lines = [(record.at, f"{audit_line(record, dated=dated)}\n".encode()) for record in records]
        now = self._clock()
        thread = threading.get_ident()
        with self._lock:
            buffer = self._buffers.setdefault(thread, _Buffer(now))
            buffer.lines += lines
            if buffer.size() >= self._buffer_limit or now - buffer.since >= self._flush_after:
                self._write_out(thread)

    def flush(self) -> None:
        """Return once every record that this thread wrote is on the disk.

        Raises:
            AuditUnwritable: They are not, and are dropped; repeat the batch.
        """
        with self._lock:
            self._write_out(threading.get_ident())

    def close(self) -> None:
        """Write out what every thread has buffered, and close the file.

        Raises:
            AuditUnwritable: It cannot be written.
        """
        with self._lock:
            try:
                for thread in list(self._buffers):
                    self._write_out(thread)
            finally:
                self._close_file()

    def trouble(self) -> str | None:
        """Why the last write failed; None when it did not."""
        return self._trouble

    def _write_out(self, thread: int) -> None:
        buffer = self._buffers.pop(thread, None)
        if buffer is not None:
            for moment, lines in self._by_period(buffer.lines):
                self._append(moment, lines)

    def _by_period(self, lines: Sequence[tuple[datetime, bytes]]) -> Iterator[tuple[datetime, bytes]]:
        """The lines of each file, with a moment that leads to it."""
        if self._rotation == "never":
            yield self._clock(), b"".join(line for _, line in lines)
            return
        for _, group in itertools.groupby(lines, key=self._period):
            in_period = list(group)
            yield in_period[0][0], b"".join(line for _, line in in_period)

    def _period(self, line: tuple[datetime, bytes]) -> datetime:
        # As the clock on the wall shows it: on a day of summer time's change, one day has two offsets.
        return period_start(line[0].astimezone().replace(tzinfo=None), self._rotation)

    def _append(self, moment: datetime, lines: bytes) -> None:
        path = self._template.at(moment)
        try:
            path = self._path = self._path_for(path)
            self._opened(path).append(lines)
        except OSError as error:
            self._close_file()
            trouble = AuditUnwritable(path, error)
            self._trouble = str(trouble)
            raise trouble from error
        self._trouble = None

    def _path_for(self, path: Path) -> Path:
        """The file to write to, where the template gives `path` now."""
        if self._rotation != "never":
            return path
        if self._path and not (self._max_size and _size(self._path) >= self._max_size):
            return self._path
        return _with_room(path, self._max_size) if self._max_size else path

    def _opened(self, path: Path) -> AppendFile:
        if self._file and not (self._file.path == path and self._file.is_in_place()):
            self._close_file()
        if not self._file:
            self._file = AppendFile(path)
        return self._file

    def _close_file(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def _with_room(path: Path, max_size: int) -> Path:
    """The first of NAME, NAME.1, NAME.2, ... that is not full."""
    numbered = (path.with_name(f"{path.name}.{number}") for number in itertools.count(1))
    return next(each for each in itertools.chain([path], numbered) if _size(each) < max_size)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
