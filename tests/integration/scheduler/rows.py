"""Rows as services and monitoring leave them, for housekeeping to find."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from shared.database.statements import load_statements

SQL = load_statements("tests.integration.scheduler", "housekeeping.sql")
#: Older than anything is kept, and younger.
OLD, YOUNG = timedelta(days=400), timedelta(days=2)
HOUR = timedelta(hours=1)


class Rows:
    """Rows as services and monitoring leave them, each some time ago."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def __call__(self, name: str, /, **values: object) -> Any:
        row = self._connection.execute(SQL[name], values).fetchone()
        return row and row[0]

    def delivery(
        self, mail_id: str, recipient: str, state: str, ago: timedelta, *, finished: bool = True
    ) -> None:
        self("add_delivery", mail_id=mail_id, recipient=recipient, state=state, ago=ago, finished=finished)

    def run(self, state: str, ago: timedelta, parent: UUID | None = None, mail_id: str | None = None) -> UUID:
        run_id = uuid4()
        self("add_run", run_id=run_id, state=state, ago=ago, parent=parent, mail_id=mail_id)
        return run_id

    def event(self, at: datetime) -> UUID:
        uuid: UUID = self("add_event", at=at)
        self("add_message", event=uuid)
        return uuid

    def left(self, table: str, column: str) -> set[Any]:
        found = self._connection.execute(f"SELECT {column} FROM mailroom.{table}").fetchall()
        return {row if len(row) > 1 else row[0] for row in found}


def month_ago(months: int) -> datetime:
    """The middle of the month so many months before this one."""
    year, index = divmod(datetime.now(UTC).year * 12 + datetime.now(UTC).month - 1 - months, 12)
    return datetime(year, index + 1, 15, tzinfo=UTC)
