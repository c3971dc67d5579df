"""Audit logs in a folder of the test's own, by a clock that stands until it is moved."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.ndr_worker.records.audit_log import AuditLog
from shared.settings.ndr import DirectorySettings
from tests.unit.ndr_worker.audit_logs import Clock


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
