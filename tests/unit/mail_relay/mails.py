"""Mails to try things with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.wire import Mail

MESSAGE = (
    b"From: postmaster@example.com\r\nMessage-ID: <m1@example.com>\r\nSubject: Report\r\n\r\nAll is well.\r\n"
)


def mail(**changes: Any) -> Mail:
    now = datetime.now(UTC)
    plain = Mail(
        mail_id="mail-1",
        kind="report",
        mail_from="reports@example.com",
        rcpt_to=("ann@example.org",),
        message=MESSAGE,
        created_at=now - timedelta(minutes=1),
        expires_at=now + timedelta(days=1),
    )
    return replace(plain, **changes)
