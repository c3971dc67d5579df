"""What tests of the audit log file write into it and read from it, and its clock."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.ndr_worker.records.audit_line import AuditRecord

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: int) -> None:
        self.now += timedelta(**span)


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
