"""The NDR an entry would get, made by the worker's own parts, claimed by nobody and sent to nobody."""

from datetime import datetime
from uuid import uuid4

from psycopg import Connection
from psycopg.rows import dict_row

from services.ndr_worker.issue import Issued, Issuer
from services.ndr_worker.queue.bounce_queue import notifications
from shared.database.statements import load_statements
from shared.errors import MailroomError
from shared.settings import Settings

_SQL = load_statements("services.console.ndr", "ndr.sql")


class EntryUnknown(MailroomError):
    """There is no bounced entry with this id."""


def preview(connection: Connection, entry_id: int, settings: Settings, now: datetime) -> Issued:
    """Compose the NDR of an entry with all the entries that would be in it.

    Args:
        connection: to the bounce queue; nothing is written.
        entry_id: a bounced entry, in the queue or in quarantine.
        settings: as the worker has them.
        now: for the Date.

    Returns:
        Its mails and what would become of each entry; no mails where nobody is to be told.

    Raises:
        EntryUnknown: there is none.
    """
    with connection.cursor(binary=True, row_factory=dict_row) as cursor:
        entries = cursor.execute(_SQL["preview"], {"entry_id": entry_id, "new_id": uuid4()}).fetchall()
        if not entries:
            raise EntryUnknown(
                f"{entry_id} is no bounced entry in the queue or in quarantine; "
                "`mailroom bounces list` lists them"
            )
        (notification,) = notifications(cursor, entries, settings.ndr.attachmsg)
    return Issuer(settings).issue(notification, now)


def first_message(issued: Issued) -> bytes:
    """Return the message to look at: the first mail, or the one that is only kept as a copy; empty: none."""
    message = issued.mails[0].message if issued.mails else issued.copy[1] if issued.copy else b""
    return message if isinstance(message, bytes) else b""
