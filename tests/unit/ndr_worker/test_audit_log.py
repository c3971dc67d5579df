"""The audit log file: buffering, rotation, sharing, and what happens when it cannot be written."""

import errno
import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.ndr_worker.records.audit_line import AuditRecord
from services.ndr_worker.records.audit_log import AuditLog, AuditUnwritable
from services.ndr_worker.records.path_tokens import UnknownPathToken
from shared.settings.ndr import DirectorySettings

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: int) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_log(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., AuditLog]]:
    logs: list[AuditLog] = []

    def make(template: str = "%DIRLOG%/bounced.log", **options: Any) -> AuditLog:
        settings: dict[str, Any] = {
            "rotation": "never",
            "max_size": 0,
            "buffer": 8192,
            "flush": timedelta(hours=1),
            "directories": DirectorySettings(log=tmp_path),
            "clock": clock,
        }
        logs.append(AuditLog(template, **settings | options))
        return logs[-1]

    yield make
    for log in logs:
        log.close()


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def record(entry_id: int = 1, at: datetime = START, **changes: Any) -> AuditRecord:
    values: dict[str, Any] = {
        "at": at,
        "action": "reported",
        "message_id": 7,
        "entry_id": entry_id,
        "ndr_id": "0190",
        "sender": "alice@sender.test",
        "received_from": "192.0.2.7",
        "recipient": "bob@remote.test",
        "smtp_status": 550,
        "enhanced_status": "5.1.1",
        "diagnostic": "550 5.1.1 No such user",
        "received_at": at - timedelta(seconds=2),
    }
    return AuditRecord(**values | changes)


def entries(path: Path) -> list[int]:
    """The entry ids of a file whose every line is whole."""
    text = path.read_text(encoding="utf-8")
    assert not text or text.endswith("\n")
    lines = text.splitlines()
    assert all(line.endswith('; Diagnostic="550 5.1.1 No such user"') for line in lines)
    return [int(line.partition(" id=")[2].partition(";")[0].partition("-")[2]) for line in lines]


@contextmanager
def file_size_limit(octets: int) -> Iterator[None]:
    """A disk on which no file grows beyond a size, as seen by this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_lines_are_kept_until_they_are_flushed(open_log: Callable[..., AuditLog], tmp_path: Path) -> None:
    log = open_log()
    log.write([record(1), record(2)])
    assert not (tmp_path / "bounced.log").exists()
    log.flush()
    assert entries(tmp_path / "bounced.log") == [1, 2]


def test_a_full_buffer_is_written(open_log: Callable[..., AuditLog], tmp_path: Path) -> None:
    log = open_log(buffer=300)
    log.write([record(1)])
    assert not (tmp_path / "bounced.log").exists()
    log.write([record(2)])
    assert entries(tmp_path / "bounced.log") == [1, 2]


def test_lines_kept_for_long_enough_are_written(
    open_log: Callable[..., AuditLog], tmp_path: Path, clock: Clock
) -> None:
    log = open_log(flush=timedelta(seconds=5))
    log.write([record(1)])
    clock.move(seconds=4)
    log.write([record(2)])
    assert not (tmp_path / "bounced.log").exists()
    clock.move(seconds=1)
    log.write([record(3)])
    assert entries(tmp_path / "bounced.log") == [1, 2, 3]


def test_a_flush_time_of_zero_puts_nothing_off(open_log: Callable[..., AuditLog], tmp_path: Path) -> None:
    open_log(flush=timedelta(0)).write([record()])
    assert entries(tmp_path / "bounced.log") == [1]


def test_closing_writes_what_every_thread_has_kept(open_log: Callable[..., AuditLog], tmp_path: Path) -> None:
    log = open_log()
    log.write([record(1)])
    other = threading.Thread(target=log.write, args=([record(2)],))
    other.start()
    other.join()
    log.close()
    log.close()
    assert sorted(entries(tmp_path / "bounced.log")) == [1, 2]


def test_no_records_make_no_file(open_log: Callable[..., AuditLog], tmp_path: Path) -> None:
    log = open_log(flush=timedelta(0))
    log.write([])
    log.flush()
    assert list(tmp_path.iterdir()) == []


def test_a_flush_returns_once_the_lines_are_on_the_disk(
    open_log: Callable[..., AuditLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: sizes.append(os.fstat(fd).st_size))
    log = open_log()
    log.write([record(1)])
    log.flush()
    assert sizes[-1] == (tmp_path / "bounced.log").stat().st_size


def test_one_flush_is_one_write(open_log: Callable[..., AuditLog], monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[int] = []
    write = os.write

    def count(fd: int, octets: bytes) -> int:
        writes.append(fd)
        return write(fd, octets)

    monkeypatch.setattr(os, "write", count)
    log = open_log(buffer=10**6)
    log.write([record(each) for each in range(100)])
    log.flush()
    assert len(writes) == 1


def test_an_existing_log_is_appended_to(open_log: Callable[..., AuditLog], tmp_path: Path) -> None:
    for entry_id in (1, 2):
        log = open_log()
        log.write([record(entry_id)])
        log.close()
    assert entries(tmp_path / "bounced.log") == [1, 2]


@pytest.mark.usefixtures("utc")
def test_the_seeds_sample_makes_its_folders_and_a_file_a_month(
    open_log: Callable[..., AuditLog], tmp_path: Path
) -> None:
    log = open_log("%DIRLOG%/audit/Y%Y%/bounced-%DT%.log", rotation="monthly", flush=timedelta(0))
    log.write([record(1)])
    log.write([record(2, START + timedelta(days=9))])
    log.write([record(3, START + timedelta(days=10))])
    assert entries(tmp_path / "audit/Y2026/bounced-202611.log") == [1, 2]
    assert entries(tmp_path / "audit/Y2026/bounced-202612.log") == [3]


@pytest.mark.usefixtures("utc")
def test_a_line_kept_past_midnight_goes_to_its_own_day(
    open_log: Callable[..., AuditLog], tmp_path: Path, clock: Clock
) -> None:
    log = open_log("%DIRLOG%/%DT%.log", rotation="daily")
    log.write([record(1)])
    clock.move(days=1)
    log.write([record(2, clock())])
    log.flush()
    assert entries(tmp_path / "20261121.log") == [1]
    assert entries(tmp_path / "20261122.log") == [2]
    assert (tmp_path / "20261121.log").read_text().startswith("12:00:00.000 Bounced Msg id=00000007-1; ")


def test_a_day_of_summer_times_change_has_one_file(
    open_log: Callable[..., AuditLog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        log = open_log("%DIRLOG%/%DT%.log", rotation="daily")
        # Clocks go forward on 2026-03-29 at 01:00 UTC.
        log.write([record(n, datetime(2026, 3, 29, n, tzinfo=UTC)) for n in (2, 0, 21)])
        log.flush()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert [path.name for path in tmp_path.iterdir()] == ["20260329.log"]


def test_a_log_without_rotation_keeps_its_first_name(
    open_log: Callable[..., AuditLog], tmp_path: Path, clock: Clock
) -> None:
    log = open_log("%DIRLOG%/%DT%.log", flush=timedelta(0))
    log.write([record(1)])
    clock.move(days=400)
    log.write([record(2, clock())])
    (only,) = tmp_path.iterdir()
    assert entries(only) == [1, 2]


def test_a_full_log_goes_on_under_the_name_of_the_present(
    open_log: Callable[..., AuditLog], tmp_path: Path, clock: Clock
) -> None:
    # A size replaces the rotation by time.
    log = open_log("%DIRLOG%/%DT%.log", rotation="yearly", max_size=300, flush=timedelta(0))
    for entry_id in (1, 2, 3):
        log.write([record(entry_id)])
        clock.move(seconds=1)
    assert [entries(path) for path in sorted(tmp_path.iterdir())] == [[1, 2], [3]]


def test_a_full_log_without_a_time_in_its_name_goes_on_in_numbered_files(
    open_log: Callable[..., AuditLog], tmp_path: Path
) -> None:
    log = open_log(max_size=1, flush=timedelta(0))
    for entry_id in (1, 2, 3):
        log.write([record(entry_id)])
    log.close()
    open_log(max_size=1, flush=timedelta(0)).write([record(4)])
    assert {path.name: entries(path) for path in tmp_path.iterdir()} == {
        "bounced.log": [1],
        "bounced.log.1": [2],
        "bounced.log.2": [3],
        "bounced.log.3": [4],
    }


@pytest.mark.parametrize("change", [lambda path: path.rename(f"{path}.old"), Path.unlink])
def test_a_log_that_was_moved_or_deleted_is_made_anew(
    open_log: Callable[..., AuditLog], tmp_path: Path, change: Callable[[Path], object]
) -> None:
    log = open_log(flush=timedelta(0))
    log.write([record(1)])
    change(tmp_path / "bounced.log")
    log.write([record(2)])
    assert entries(tmp_path / "bounced.log") == [2]


def test_a_line_that_a_dying_process_tore_does_not_spoil_the_next(
    open_log: Callable[..., AuditLog], tmp_path: Path
) -> None:
    (tmp_path / "bounced.log").write_bytes(b"2026-11-21 12:00")
    open_log(flush=timedelta(0)).write([record(1)])
    assert (tmp_path / "bounced.log").read_text().startswith("2026-11-21 12:00\n2026-11-21 ")


def test_an_unknown_token_stops_start_up(open_log: Callable[..., AuditLog]) -> None:
    with pytest.raises(UnknownPathToken, match="%DIRLOOG%"):
        open_log("%DIRLOOG%/x")


def test_opening_shows_a_wrong_path_before_there_is_anything_to_write(
    open_log: Callable[..., AuditLog], tmp_path: Path
) -> None:
    (tmp_path / "bounced.log").mkdir()
    log = open_log()
    with pytest.raises(AuditUnwritable, match=r"bounced\.log cannot be written: Is a directory"):
        log.open()
    assert "Is a directory" in (log.trouble() or "")


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


def test_threads_share_a_log(open_log: Callable[..., AuditLog], tmp_path: Path) -> None:
    log = open_log(flush=timedelta(0), max_size=20_000)
    threads = [
        threading.Thread(target=_write_each, args=(log, range(first, first + 100))) for first in (0, 100, 200)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files = list(tmp_path.iterdir())
    assert len(files) > 1
    assert sorted(entry_id for path in files for entry_id in entries(path)) == list(range(300))


def test_processes_share_a_log(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_write_as_process, args=(tmp_path, range(first, first + 50)))
        for first in (0, 50)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert sorted(entries(tmp_path / "bounced.log")) == list(range(100))


def _write_each(log: AuditLog, entry_ids: Sequence[int]) -> None:
    for entry_id in entry_ids:
        log.write([record(entry_id)])


def _write_as_process(folder: Path, entry_ids: Sequence[int]) -> None:
    log = AuditLog(
        "%DIRLOG%/bounced.log",
        rotation="never",
        max_size=0,
        buffer=0,
        flush=timedelta(0),
        directories=DirectorySettings(log=folder),
    )
    _write_each(log, entry_ids)
    log.close()
