"""Where mails too large for the broker wait for the relay: the table `mailroom.mail_body`."""

import hashlib

import psycopg
from psycopg.rows import class_row

from shared.database.statements import load_statements
from shared.wire import MessageRef

_STATEMENTS = load_statements("services.report_worker", "mail_body.sql")


def keep_message(connection: psycopg.Connection, mail_id: str, message: bytes) -> MessageRef:
    """Store a mail, unless one of this id is there, and return the reference to the stored one."""
    row = {
        "mail_id": mail_id,
        "content": message,
        "size": len(message),
        "sha256": hashlib.sha256(message).hexdigest(),
    }
    connection.execute(_STATEMENTS["keep"], row)
    with connection.cursor(row_factory=class_row(MessageRef)) as cursor:
        reference = cursor.execute(_STATEMENTS["reference"], {"mail_id": mail_id}).fetchone()
    if reference is None:
        raise LookupError(f"mail_body {mail_id} was removed while it was stored")
    return reference
