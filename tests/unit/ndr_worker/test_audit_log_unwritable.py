"""An audit log that cannot be written: nothing is half there, nothing is lost."""

import errno
import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.ndr_worker.records.audit_log import AuditLog, AuditUnwritable
from tests.unit.ndr_worker.audit_logs import entries, record


@contextmanager
def file_size_limit(octets: int) -> Iterator[None]:
    """A disk on which no file grows beyond a size, as seen by this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_raises_and_shows_until_it_is_over(
    open_log: Callable[..., AuditLog], tmp_path: Path
) -> None:
    (tmp_path / "bounced.log").symlink_to("/dev/full")
    log = open_log()
    log.write([record(1)])
    with pytest.raises(AuditUnwritable, match="No space left on device") as failure:
        log.flush()
    assert log.trouble() == str(failure.value)
    (tmp_path / "bounced.log").unlink()
    log.write([record(2)])
    log.flush()
    assert log.trouble() is None
    # What failed was dropped: its batch comes again.
    assert entries(tmp_path / "bounced.log") == [2]


def test_a_write_that_fits_in_part_leaves_nothing_behind(
    open_log: Callable[..., AuditLog], tmp_path: Path
) -> None:
    log = open_log()
    log.write([record(1)])
    log.flush()
    batch = [record(each) for each in range(2, 30)]
    with file_size_limit(1000):
        log.write(batch)
        with pytest.raises(AuditUnwritable, match="File too large"):
            log.flush()
        assert entries(tmp_path / "bounced.log") == [1]
    log.write(batch)
    log.flush()
    assert entries(tmp_path / "bounced.log") == list(range(1, 30))


def test_lines_that_do_not_reach_the_disk_are_taken_back(
    open_log: Callable[..., AuditLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log()
    log.open()

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        log.write([record(1)])
        with pytest.raises(AuditUnwritable, match="Input/output error"):
            log.flush()
    assert entries(tmp_path / "bounced.log") == []


def test_a_batch_that_fails_takes_no_other_threads_lines_along(
    open_log: Callable[..., AuditLog], tmp_path: Path
) -> None:
    log = open_log()
    log.write([record(1)])

    def fail() -> None:
        log.write([record(2)])
        with file_size_limit(10), pytest.raises(AuditUnwritable):
            log.flush()

    other = threading.Thread(target=fail)
    other.start()
    other.join()
    log.flush()
    assert entries(tmp_path / "bounced.log") == [1]
