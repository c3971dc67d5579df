"""The audit log file: buffering, the way to the disk, and who shares it."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from services.ndr_worker.records.audit_log import AuditLog, AuditUnwritable
from services.ndr_worker.records.path_tokens import UnknownPathToken
from shared.settings.ndr import DirectorySettings
from tests.unit.ndr_worker.audit_logs import Clock, entries, record


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
