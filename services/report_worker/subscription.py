"""Who gets a report, from whom, and how an operator reworded it."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from shared.database.statements import load_statements

_STATEMENTS = load_statements("services.report_worker", "control.sql")


@dataclass(frozen=True, slots=True)
class Subscription:
    """A row of `mailroom.subscription`, as its column comments describe it.

    There is one template, so `template_name` can only be its name, and nothing reads it here.
    """

    name: str
    emails_list: str
    from_email: str
    enabled: bool = True
    email_subject: str = ""
    alternate_email_subject: str = ""
    columns: str = ""
    tags: str = ""
    mute_until: datetime | None = None
    send_empty: bool | None = None
    attachment: str = "csv"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns it asks for, in its order, each once; none: each report's own."""
        return tuple(dict.fromkeys(filter(None, (part.strip() for part in self.columns.split(",")))))


def load_subscription(connection: psycopg.Connection, name: str) -> Subscription | None:
    """Read one subscription from PostgreSQL; None when there is none of that name."""
    with connection.cursor(row_factory=class_row(Subscription)) as cursor:
        return cursor.execute(_STATEMENTS["subscription"], {"name": name}).fetchone()
