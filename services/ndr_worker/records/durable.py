"""Files that are on the disk, whole, once the call returns, or as they were before it failed."""

import os
import secrets
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_UN, flock
from pathlib import Path
from stat import S_ISREG
from typing import Final

#: Readable for who polls or archives; the umask takes away what the operator does not want.
_MODE: Final = 0o644
#: Names of files that are not whole yet; a pattern for Path.glob.
TEMPORARY_FILES: Final = ".*.tmp"
#: Octets that are tried out before records are written again: about what a batch comes to.
_TRIAL: Final = 256 * 1024


class AppendFile:
    """A file that several threads and processes append to; its folder is made when it is missing.

    Args:
        path: The file; a stream such as /dev/stdout is written to as it is.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        # Reading shows whether the last line has an end.
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            self._regular = S_ISREG(os.fstat(self._fd).st_mode)
            if self._regular:
                sync_folder(path.parent)
        except OSError:
            self.close()
            raise

    def append(self, lines: bytes) -> None:
        """Append whole lines with one write and wait until they are on the disk.

        Raises:
            OSError: They could not be written; what was written of them is cut off again.
        """
        if not self._regular:
            _write(self._fd, lines)
            return
        # Without the lock, cutting off could take another process's lines along.
        flock(self._fd, LOCK_EX)
        try:
            self._append_locked(lines)
        finally:
            flock(self._fd, LOCK_UN)

    def _append_locked(self, lines: bytes) -> None:
        size = os.fstat(self._fd).st_size
        try:
            # A process that died while writing has left half a line, which must not become half of this one.
            torn = size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"
            _write(self._fd, b"\n" + lines if torn else lines)
            os.fsync(self._fd)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, size)
            raise

    def is_in_place(self) -> bool:
        """Whether the path still leads to this file, or it was moved or deleted."""
        try:
            return os.path.samestat(os.fstat(self._fd), self.path.stat())
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Close the file; nothing waits to be written."""
        os.close(self._fd)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that shows under its name only once it is whole; one of that name is replaced.

    Raises:
        OSError: It could not be written; nothing of it is left, unless the process dies at that moment.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        try:
            _write(fd, content)
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def try_out(folder: Path) -> None:
    """See that a folder, made when it is missing, has room for a batch's records; no trial is left in it.

    Raises:
        OSError: It has none, or cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trial = folder / f".trial.{secrets.token_hex(8)}"
    replace_file(trial, bytes(_TRIAL))
    trial.unlink()


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk.

    Raises:
        OSError: They are not.
    """
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write(fd: int, octets: bytes) -> None:
    """Write all; after a short write, the next one says why."""
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(fd, rest) :]
