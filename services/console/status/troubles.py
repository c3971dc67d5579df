"""What of a status wants an operator's attention: decisions about plain values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from services.console.status.status import DatabaseStatus, Poll, Status

#: A bounced entry is taken at the next poll, so one that waits for longer is stuck.
OLDEST_BOUNCE = timedelta(minutes=15)
#: A run is taken at once, unless many are ahead of it.
SCHEDULED_RUN = timedelta(minutes=15)
#: Polls are started within seconds of being due.
POLL_OVERDUE = timedelta(minutes=5)
#: Mails ready on mail-out: minutes of work for one relay.
MAIL_OUT = 1000


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that wants attention.

    Attributes:
        subject: what it is about, plain and stable: `failed-runs`.
        message: one sentence, without its full stop.
        command: what shows more, or mends it.
    """

    subject: str
    message: str
    command: str


def verdict(found: tuple[Trouble, ...]) -> Literal["ok", "attention"]:
    """Say it in one word."""
    return "attention" if found else "ok"


def troubles(status: Status) -> tuple[Trouble, ...]:
    """Return what wants attention, the most far-reaching first."""
    return tuple(_troubles(status))


def _troubles(status: Status) -> Iterator[Trouble]:
    if status.missing_migrations:
        yield Trouble(
            "missing-migrations",
            f"the database lacks {', '.join(status.missing_migrations)}",
            "mailroom db migrate",
        )
    if status.queues is None:
        yield Trouble("broker", "the broker does not answer", "mailroom config show")
    if status.database is not None:
        yield from _of_reports(status.database, status.taken_at)
        yield from _of_bounces(status.database, status.taken_at)
        yield from _of_mail(status.database)
    yield from _of_queues(status.queues or {})


def _of_reports(database: DatabaseStatus, now: datetime) -> Iterator[Trouble]:
    if not database.reports_enabled:
        yield Trouble(
            "reports-disabled",
            "reports are disabled: every run is skipped",
            "mailroom preferences set exchange__reports_enabled Y",
        )
    for key in database.malformed_preferences:
        yield Trouble(
            "malformed-preference",
            f"the preference {key} has a value that cannot be used",
            f"mailroom preferences get {key}",
        )
    for name in database.unreadable_schedules:
        yield Trouble(
            "unreadable-schedule",
            f"the schedule {name} cannot be read and never fires",
            "mailroom schedules list",
        )
    if failed := database.runs["failed"]:
        yield Trouble(
            "failed-runs", f"{_count(failed, 'run')} failed lately", "mailroom reports runs --state failed"
        )
    oldest = database.oldest_scheduled_run_at
    if oldest and now - oldest > SCHEDULED_RUN:
        yield Trouble(
            "scheduled-runs",
            f"a run has waited for a report worker for {in_words(now - oldest)}",
            "mailroom reports runs --state scheduled",
        )


def _of_bounces(database: DatabaseStatus, now: datetime) -> Iterator[Trouble]:
    if message := _of_poll(database.poll, now):
        yield Trouble("poll", message, "mailroom ndr poll-once")
    oldest = database.oldest_bounce_at
    if oldest and now - oldest > OLDEST_BOUNCE:
        yield Trouble(
            "bounces-waiting",
            f"a bounced entry has waited for {in_words(now - oldest)}",
            "mailroom bounces list --state waiting",
        )
    if database.quarantined:
        are = "is" if database.quarantined == 1 else "are"
        yield Trouble(
            "quarantined",
            f"{_count(database.quarantined, 'bounced entry', 'bounced entries')} {are} in quarantine",
            "mailroom bounces list --state quarantined",
        )


def _of_poll(poll: Poll, now: datetime) -> str | None:
    """Say what is wrong with the chain of polls."""
    if poll.running:
        broken = poll.silent_after is not None and now - poll.silent_after > POLL_OVERDUE
        return (
            "the bounce poll that runs has not moved; see whether a worker and a scheduler run"
            if broken
            else None
        )
    if poll.next_due_at is None:
        return "bounces were never polled; see whether a scheduler runs"
    if now - poll.next_due_at > POLL_OVERDUE:
        late = in_words(now - poll.next_due_at)
        return f"the next bounce poll is overdue for {late}; see whether a scheduler runs"
    if poll.outcome == "error":
        return "the last bounce poll failed; see the NDR worker's log"
    if poll.outcome == "paused":
        return "no bounces are claimed while mail-out is full; see whether a relay runs"
    return None


def _of_mail(database: DatabaseStatus) -> Iterator[Trouble]:
    if failed := database.undelivered_reports:
        yield Trouble(
            "undelivered-reports",
            f"{_count(failed, 'delivery', 'deliveries')} of reports failed lately",
            "mailroom deliveries list --failed",
        )
    if doubtful := database.in_doubt:
        held = f", {database.held} of them held" if database.held else ""
        yield Trouble(
            "in-doubt",
            f"{_count(doubtful, 'delivery', 'deliveries')} in doubt{held}",
            "mailroom deliveries list --in-doubt",
        )


def _of_queues(queues: Mapping[str, int | None]) -> Iterator[Trouble]:
    if parked := queues.get("parked"):
        are = "is" if parked == 1 else "are"
        yield Trouble("parked", f"{_count(parked, 'message')} {are} parked", "mailroom parked list")
    if (depth := queues.get("mail-out")) and depth > MAIL_OUT:
        yield Trouble("mail-out", f"{depth:,} mails wait for a relay", "mailroom deliveries list")


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def in_words(span: timedelta) -> str:
    """Say how long in the two largest units: 3 days 4 h; 4 h 5 min; 6 min."""
    days, rest = divmod(span, timedelta(days=1))
    hours, rest = divmod(rest, timedelta(hours=1))
    minutes = rest // timedelta(minutes=1)
    if days:
        return f"{days} day{'' if days == 1 else 's'} {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{max(1, minutes)} min"
