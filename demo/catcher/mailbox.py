"""What the catcher has caught: kept in memory in order of arrival, and in a maildir if wanted."""

import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from shared.errors import MailroomError


class MailNotCaught(MailroomError):
    """What was waited for did not arrive in time; the message says how many mails did."""


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """One mail as it came over SMTP.

    Attributes:
        number: 1 for the first.
        mail_from: the reverse-path without its angle brackets; empty for the null reverse-path.
        rcpt_tos: the accepted envelope recipients, in order.
        content: the message, CRLF lines, without the dots that SMTP stuffs.
        received_at: when its last line came; aware, UTC.
    """

    number: int
    mail_from: str
    rcpt_tos: tuple[str, ...]
    content: bytes = field(repr=False)
    received_at: datetime


class Mailbox:
    """Caught mails; may be used from any thread."""

    def __init__(self, folder: Path | None = None) -> None:
        """Start empty.

        Args:
            folder: a maildir to write every mail to as well; made if it is not there.
        """
        self._mails: list[CaughtMail] = []
        self._arrival = threading.Condition()
        self._folder = folder
        if folder is not None:
            for part in ("tmp", "new", "cur"):
                (folder / part).mkdir(parents=True, exist_ok=True)

    def add(self, mail_from: str, rcpt_tos: Sequence[str], content: bytes) -> CaughtMail:
        """Keep a mail and wake whoever waits for one."""
        with self._arrival:
            mail = CaughtMail(len(self._mails) + 1, mail_from, tuple(rcpt_tos), content, datetime.now(UTC))
            if self._folder is not None:
                _write_to_maildir(self._folder, mail)
            self._mails.append(mail)
            self._arrival.notify_all()
        return mail

    def snapshot(self) -> tuple[CaughtMail, ...]:
        """Give all mails so far, oldest first."""
        with self._arrival:
            return tuple(self._mails)

    def get(self, number: int) -> CaughtMail | None:
        """Give the mail with this number, or None."""
        with self._arrival:
            return self._mails[number - 1] if 1 <= number <= len(self._mails) else None

    def wait_for(
        self, predicate: Callable[[Sequence[CaughtMail]], bool], timeout: float
    ) -> tuple[CaughtMail, ...]:
        """Wait until the mails so far are as wanted.

        Args:
            predicate: asked at each arrival, with all mails so far, oldest first; must be quick, as no
                mail is taken meanwhile.
            timeout: seconds.

        Returns:
            All mails so far.

        Raises:
            MailNotCaught: it was not so within the timeout.
        """
        with self._arrival:
            if not self._arrival.wait_for(lambda: predicate(self._mails), timeout):
                raise MailNotCaught(
                    f"Waited {timeout:g} s, and {len(self._mails)} caught mails are not what was waited for; "
                    "look for the others in the senders' logs."
                )
            return tuple(self._mails)


def _write_to_maildir(folder: Path, mail: CaughtMail) -> None:
    # unique by process too, so that several catchers and runs can share a folder
    name = f"{mail.received_at.timestamp():.6f}.P{os.getpid()}Q{mail.number}.{socket.gethostname()}"
    unfinished = folder / "tmp" / name
    unfinished.write_bytes(mail.content)
    unfinished.rename(folder / "new" / name)
