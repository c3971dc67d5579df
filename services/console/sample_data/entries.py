"""Entries of the bounce queue: one recipient of a spooled message each."""

from datetime import datetime

from services.console.sample_data.replies import Reply
from services.console.sample_data.rows import QueueEntry


def bounced(
    recipient: str, original_recipient: str | None, notify: str | None, reply: Reply, bounced_at: datetime
) -> QueueEntry:
    """A recipient that could not be served, as a server's reply or the MTA itself says."""
    server = recipient.rpartition("@")[2]
    return QueueEntry(
        recipient=recipient,
        original_recipient=original_recipient,
        notify=notify,
        status="bounced",
        smtp_status=reply.smtp_status,
        enhanced_status=reply.enhanced_status,
        diagnostic=reply.diagnostic,
        remote_mta=f"mx.{server}" if reply.remote else None,
        remote_ip="192.0.2.25" if reply.remote else None,
        attempts=20 if reply.expired else 1,
        last_attempt_at=bounced_at if reply.remote else None,
        bounced_at=bounced_at,
    )


def waiting(
    recipient: str, original_recipient: str | None, notify: str | None, tried_at: datetime | None
) -> QueueEntry:
    """A deferred recipient when it was tried already, else one that is ready for its first attempt."""
    tried = tried_at is not None
    return QueueEntry(
        recipient=recipient,
        original_recipient=original_recipient,
        notify=notify,
        status="deferred" if tried else "ready",
        smtp_status=451 if tried else None,
        enhanced_status="4.3.0" if tried else None,
        diagnostic="451 4.3.0 Temporary lookup failure" if tried else None,
        remote_mta=f"mx.{recipient.rpartition('@')[2]}" if tried else None,
        remote_ip="192.0.2.26" if tried else None,
        attempts=3 if tried else 0,
        last_attempt_at=tried_at,
        bounced_at=None,
    )
