"""Submitting to a server without a ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from services.mail_relay.attempt import RecipientResult
from services.mail_relay.server import SmtpServer
from services.mail_relay.submission import Submission
from shared.settings.relay import RelaySettings, TimeoutSettings
from tests.unit.mail_relay.mails import MESSAGE, mail


def quick_timeouts(**steps: str) -> TimeoutSettings:
    """Nothing is waited for longer than a test may take."""
    return TimeoutSettings.model_validate({**dict.fromkeys(TimeoutSettings.model_fields, "5s"), **steps})


@contextmanager
def submitting(smtp_url: str, **settings: Any) -> Iterator[Submission]:
    """Have a submission to the server with this URL; keywords are its settings."""
    relay = RelaySettings(**{"timeouts": quick_timeouts(), **settings})
    submission = Submission(SmtpServer.from_url(smtp_url), "mx1.mailroom.example", relay)
    yield submission
    submission.close()


def submit(submission: Submission, **changes: Any) -> RecipientResult:
    """Submit a mail with one recipient."""
    changed = mail(**changes)
    (result,) = submission.submit(changed, changed.rcpt_to, MESSAGE)
    return result
