"""How a message and an entry of the bounce queue are spelled wherever people or programs compare them.

The seed's spelling (Final-Log-ID, audit log): eight hexadecimal digits for the message, and the number of the
entry behind a hyphen. The same in the NDR, the audit file and the events, so that one search finds all.
"""


def queue_id(message_id: int) -> str:
    """Return a message's id, as `000000FB`."""
    return f"{message_id:08X}"


def log_id(message_id: int, entry_id: int) -> str:
    """Return an entry's id, as `000000FB-3`."""
    return f"{queue_id(message_id)}-{entry_id}"
