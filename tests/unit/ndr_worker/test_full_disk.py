"""The audit log and the copies folder on a disk that really fills up; only root can mount one."""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.ndr_worker.records.audit_line import AuditRecord
from services.ndr_worker.records.audit_log import AuditLog, AuditUnwritable
from services.ndr_worker.records.copies import CopiesFolder, CopyUnwritable
from shared.settings.ndr import DirectorySettings

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root; RLIMIT_FSIZE and /dev/full are tested without")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "mailroom-test", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this container may not mount")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_batch_of_audit_lines_that_does_not_fit_is_written_whole_once_there_is_room(
    small_disk: Path,
) -> None:
    log = AuditLog(
        "%DIRLOG%/bounced.log",
        rotation="never",
        max_size=0,
        buffer=1 << 20,
        flush=timedelta(hours=1),
        directories=DirectorySettings(log=small_disk),
    )
    log.write(_records(10))
    log.flush()
    size = (small_disk / "bounced.log").stat().st_size
    filler = small_disk / "filler"
    filler.write_bytes(bytes(40_000))
    log.write(_records(300))
    with pytest.raises(AuditUnwritable, match="No space left on device"):
        log.flush()
    assert (small_disk / "bounced.log").stat().st_size == size
    filler.unlink()
    log.write(_records(300))
    log.close()
    lines = (small_disk / "bounced.log").read_text().splitlines()
    assert len(lines) == 310
    assert all(line.endswith("Transit=1s") for line in lines)


def test_a_copy_that_does_not_fit_leaves_nothing_behind(small_disk: Path) -> None:
    copies = CopiesFolder(small_disk)
    with pytest.raises(CopyUnwritable, match="No space left on device"):
        copies.keep("ndr.1", bytes(100_000))
    assert list(small_disk.iterdir()) == []
    copies.keep("ndr.1", b"small")
    assert copies.trouble() is None


def _records(count: int) -> list[AuditRecord]:
    return [
        AuditRecord(
            at=NOW,
            action="reported",
            message_id=7,
            entry_id=entry_id,
            ndr_id=None,
            sender="alice@sender.test",
            received_from=None,
            recipient="bob@remote.test",
            smtp_status=550,
            enhanced_status=None,
            diagnostic=None,
            received_at=NOW - timedelta(seconds=1),
        )
        for entry_id in range(count)
    ]
