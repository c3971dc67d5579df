"""A small disk of one's own that can be full for a while: a tmpfs, which only root may mount."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PAGE = 4096


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted tmpfs.

    Attributes:
        folder: where it is mounted.
        size: octets it may hold.
    """

    folder: Path
    size: int

    def fill(self) -> None:
        """Leave no room: the limit moves down to what is in use."""
        for _ in range(20):  # what is written meanwhile may make the new limit too small
            used = os.statvfs(self.folder)
            pages = used.f_blocks - used.f_bfree
            if _remount(self.folder, max(1, pages) * _PAGE):
                return

    def free(self) -> None:
        """Let it have its room again."""
        _remount(self.folder, self.size)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Disk | None]:
    """Mount one; gives None, and leaves the folder as it is, where it may not be mounted.

    Args:
        folder: made if it is not there.
        size: octets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "mailroom-chaos", str(folder)]
    if os.geteuid() != 0 or not _done(mount):
        yield None
        return
    try:
        yield Disk(folder, size)
    finally:
        # lazily: a process that is about to end may still have a file open
        _done(["umount", "--lazy", str(folder)])


def _remount(folder: Path, size: int) -> bool:
    return _done(["mount", "-o", f"remount,size={size}", str(folder)])


def _done(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
