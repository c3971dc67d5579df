"""A status in which nothing is the matter, for tests to change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.console.reports.runs import RunState
from services.console.status.status import DatabaseStatus, Poll, Status

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_DATABASE = DatabaseStatus(
    schedules_enabled=2,
    schedules_disabled=1,
    next_firings=(),
    unreadable_schedules={},
    poll=Poll(running=False, next_due_at=NOW + timedelta(minutes=1), silent_after=None, outcome="empty"),
    runs={state.value: 0 for state in RunState},
    latest_runs=(),
    failed_runs=(),
    oldest_scheduled_run_at=None,
    deliveries=dict.fromkeys(("attempting", "delivered", "deferred", "failed", "held"), 0),
    failed_deliveries=(),
    undelivered_reports=0,
    in_doubt=0,
    held=0,
    bounces_waiting=0,
    bounces_leased=0,
    oldest_bounce_at=None,
    oldest_bounce_age_seconds=None,
    quarantined=0,
    reports_enabled=True,
    malformed_preferences=(),
    muted_subscriptions=(),
)


def quiet(**changed: Any) -> Status:
    """All is well but for what the keywords say of the database."""
    queues = {"report-commands": 0, "bounce-commands": 0, "mail-out": 0, "retry.10s": 0, "parked": 0}
    return Status(NOW, NOW - timedelta(hours=24), (), replace(_DATABASE, **changed), queues)
