"""The audit log file goes on in another file: by time, by size."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.ndr_worker.records.audit_log import AuditLog
from tests.unit.ndr_worker.audit_logs import START, Clock, entries, record


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


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
