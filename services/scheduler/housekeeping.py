"""Removing what is old, in short transactions; what is not finished stays, however old it is.

Each batch is a transaction of its own, and finds what to remove by itself. So a round may end anywhere, by a
crash or a restart, and the next one goes on from there; and two at once share the work.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import structlog
from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from services.scheduler.retention import Cutoffs, Expiry, next_horizon, next_month, old_months
from shared.database.statements import load_statements

_SQL = load_statements("services.scheduler", "housekeeping.sql")
_log = structlog.get_logger()
#: The most rows of one transaction.
BATCH = 5000
#: What a round removes from.
TABLES = (
    "bounce_audit",
    "mail_body",
    "mail_delivery",
    "report_run",
    "firing",
    "bot_event",
    "bot_message",
)
#: Tables whose rows never change.
_UNCHANGING = frozenset({"bounce_audit"})


@dataclass(slots=True)
class Removed:
    """What a round has removed, or would.

    Attributes:
        rows: how many, by table.
        months_dropped: partitions of events, each by the first moment of its month.
        months_created: partitions of events made ahead.
        expired: events that were taken out of the reports, and stay.
        whole: whether the round came to its end, and nothing has to be tried again.
    """

    rows: Counter[str] = field(default_factory=Counter)
    months_dropped: list[datetime] = field(default_factory=list)
    months_created: int = 0
    expired: int = 0
    whole: bool = True


class Housekeeping:
    """One round.

    Args:
        connection: in autocommit mode, as the worker role or one that may do more.
        cutoffs: what is old.
        stopping: asked between two batches; true ends the round there.
        note: told of each batch, the table and how many rows.
        batch: the most rows of one transaction.
    """

    def __init__(
        self,
        connection: Connection,
        cutoffs: Cutoffs,
        *,
        stopping: Callable[[], bool] = lambda: False,
        note: Callable[[str, int], None] = lambda _table, _rows: None,
        batch: int = BATCH,
    ) -> None:
        self._connection = connection
        self._cutoffs = cutoffs
        self._stopping = stopping
        self._note = note
        self._batch = batch
        self._removed = Removed()

    def run(self) -> Removed:
        """Make partitions ahead, remove what is old, and tell what was removed."""
        self._prepare_months()
        for table, older_than in self._cutoffs.rows.items():
            self._delete(table, older_than)
        # removed first, so that none is marked for nothing
        if self._cutoffs.events:
            self._remove_events(self._cutoffs.events)
        if self._cutoffs.expired:
            self._expire(self._cutoffs.expired)
        return self._removed

    def preview(self) -> Removed:
        """Tell what a round would do now, and change nothing."""
        removed = Removed(months_created=self._one(_SQL["missing_months"])[0])
        for table, older_than in self._cutoffs.rows.items():
            count = SQL(_SQL["count"]).format(old=SQL(_SQL[f"old_{table}"]))
            removed.rows[table] = self._one(count, older_than=older_than)[0]
        if self._cutoffs.expired:
            stay_from = {"before": self._cutoffs.expired, "removed": self._cutoffs.events}
            removed.expired = self._one(_SQL["count_unexpired"], **stay_from)[0]
        if before := self._cutoffs.events:
            removed.months_dropped = self._old_months(before)
            counts = [self._one(_SQL["count_month"], **_bounds(month)) for month in removed.months_dropped]
            counts.append(self._one(_SQL["count_strays"], before=before))
            removed.rows["bot_event"] = sum(events for events, _ in counts)
            removed.rows["bot_message"] = sum(messages for _, messages in counts)
        return removed

    def _prepare_months(self) -> None:
        try:
            self._removed.months_created = self._one(_SQL["prepare_months"])[0]
        except psycopg.errors.LockNotAvailable:
            self._postpone("partitions not made")

    def _delete(self, table: str, older_than: datetime) -> None:
        template = _SQL["delete_unchanging" if table in _UNCHANGING else "delete"]
        statement = SQL(template).format(table=Identifier("mailroom", table), old=SQL(_SQL[f"old_{table}"]))
        arguments = {"older_than": older_than, "limit": self._batch}
        while self._goes_on() and (rows := self._connection.execute(statement, arguments).rowcount):
            self._count(table, rows)

    def _expire(self, before: datetime) -> None:
        arguments = {"before": before, "limit": self._batch}
        while self._goes_on() and (
            rows := self._connection.execute(_SQL["expire_events"], arguments).rowcount
        ):
            self._removed.expired += rows

    def _remove_events(self, before: datetime) -> None:
        for month in self._old_months(before):
            self._remove_month(month)
        while self._goes_on():
            events, messages = self._one(_SQL["delete_strays"], before=before, limit=self._batch)
            if not events:
                break
            self._count("bot_event", events)
            self._count("bot_message", messages)

    def _remove_month(self, month: datetime) -> None:
        """Remove the messages of a month's events, and then all the events at once."""
        events, after = 0, UUID(int=0)
        while self._goes_on():
            page = self._connection.execute(
                _SQL["walk_month"], {"after": after, "limit": self._batch, **_bounds(month)}
            ).fetchall()
            if not page:
                break
            uuids = [uuid for (uuid,) in page]
            self._count(
                "bot_message", self._connection.execute(_SQL["delete_messages"], {"events": uuids}).rowcount
            )
            events, after = events + len(uuids), uuids[-1]
        if not self._goes_on():
            return
        try:
            dropped = self._one(_SQL["drop_month"], month=month)[0]
        except psycopg.errors.LockNotAvailable:
            self._postpone("partition not dropped")
            return
        if dropped:
            self._removed.months_dropped.append(month)
            self._count("bot_event", events)

    def _old_months(self, before: datetime) -> list[datetime]:
        return old_months((month for (month,) in self._connection.execute(_SQL["months"])), before)

    def _goes_on(self) -> bool:
        if self._stopping():
            self._removed.whole = False
            return False
        return True

    def _postpone(self, event: str) -> None:
        """Leave to the next round what somebody's long query has locked."""
        self._removed.whole = False
        _log.warning(event, action="housekeeping-postponed", reason="the events are in use")

    def _count(self, table: str, rows: int) -> None:
        self._removed.rows[table] += rows
        self._note(table, rows)

    def _one(self, statement: LiteralString | Composed, **arguments: object) -> tuple[Any, ...]:
        return self._connection.execute(statement, arguments).fetchone() or ()


def _bounds(month: datetime) -> Mapping[str, datetime]:
    return {"month": month, "next_month": next_month(month)}


def claim(connection: Connection, interval: timedelta) -> datetime | None:
    """Claim the next round, if it is due and no other replica has it.

    Returns:
        The moment to count ages from, or None.
    """
    with connection.transaction():
        row = connection.execute(_SQL["claim"], {"interval": interval}).fetchone()
        if row is None:
            return None
        now, last = row
        horizon = next_horizon(now, last, interval)
        connection.execute(_SQL["begin"], {"horizon": horizon})
    return horizon


def finish(connection: Connection) -> None:
    """Note that a round came to its end."""
    connection.execute(_SQL["finish"])


def finished_at(connection: Connection) -> datetime:
    """Tell when a round last came to its end, whoever made it; at first, when the schema was made."""
    moment: datetime
    (moment,) = connection.execute(_SQL["finished_at"]).fetchone() or ()
    return moment


def clock(connection: Connection) -> datetime:
    """Read the clock of the database."""
    now: datetime
    (now,) = connection.execute(_SQL["now"]).fetchone() or ()
    return now


def expiry(connection: Connection) -> Expiry | None:
    """Read what operators have set about events; None, and a line in the log, when it is malformed."""
    rows = connection.execute(_SQL["event_preferences"]).fetchall()
    try:
        return Expiry.read(dict(rows))
    except ValueError as error:
        _log.warning("events are kept", action="housekeeping-preference", reason=str(error))
        return None
