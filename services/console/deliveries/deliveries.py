"""Rows of the delivery ledger, and deciding about those that are held in doubt."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import class_row

from services.console.names import NameUnknown, nearest
from shared.database.statements import load_statements

_SQL = load_statements("services.console.deliveries", "deliveries.sql")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one mail at one envelope recipient; a row of `mail_delivery`."""

    mail_id: str
    recipient: str
    kind: str
    mail_from: str
    state: str
    attempts: int
    in_doubt: int
    leased_until: datetime | None
    smtp_status: int | None
    enhanced_status: str | None
    reply: str | None
    remote_mta: str | None
    first_attempt_at: datetime
    last_attempt_at: datetime
    finished_at: datetime | None


def list_deliveries(
    connection: Connection,
    *,
    mail_id: str | None = None,
    state: str | None = None,
    in_doubt: bool = False,
    limit: int | None = None,
) -> list[Delivery]:
    """Read rows, the latest first.

    Args:
        connection: to the ledger.
        mail_id: only this mail's.
        state: only these.
        in_doubt: only those whose result nobody knows now.
        limit: the most; None: all.
    """
    asked = {"mail_id": mail_id, "state": state, "in_doubt": in_doubt, "limit": limit}
    with connection.cursor(row_factory=class_row(Delivery)) as cursor:
        return cursor.execute(_SQL["list"], asked).fetchall()


def find_deliveries(connection: Connection, mail_id: str) -> list[Delivery]:
    """Read every row of one mail.

    Raises:
        NameUnknown: the ledger has none; the message has the nearest mail there is.
    """
    if found := list_deliveries(connection, mail_id=mail_id):
        return found
    near = nearest(mail_id, (name for (name,) in connection.execute(_SQL["latest"])))
    raise NameUnknown(
        f"the ledger has no mail {mail_id!r:.200}" + (f"; did you mean {near!r}?" if near else "")
    )


def release(connection: Connection, mail_id: str) -> list[str]:
    """Let the held recipients of a mail be sent to once more, even if the mail has expired; return them."""
    return [recipient for (recipient,) in connection.execute(_SQL["release"], {"mail_id": mail_id})]


def settle(connection: Connection, mail_id: str) -> list[str]:
    """Leave the held recipients of a mail at that: it may have reached them or not; return them."""
    return [recipient for (recipient,) in connection.execute(_SQL["settle"], {"mail_id": mail_id})]
