"""A schedule to vary."""

from datetime import UTC, datetime, timedelta

from services.scheduler.due import Schedule

START = datetime(2026, 6, 1, tzinfo=UTC)
HOURLY = Schedule(
    name="hourly",
    task="report.run",
    args={"reports": ["a", "b"]},
    crontab="0 * * * *",
    every=None,
    time_zone="UTC",
    one_off=False,
    starts_at=None,
    expires_after=None,
    catch_up="latest",
    last_nominal_at=None,
    created_at=START + timedelta(seconds=1),
    enabled_at=START + timedelta(seconds=1),
)
