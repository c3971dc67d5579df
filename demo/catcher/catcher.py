"""The catcher: an SMTP server, a mailbox and a web page, in this process."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.catcher.mailbox import CaughtMail, Mailbox
from demo.catcher.smtp_server import Answer, AnswerData, SmtpServer
from demo.catcher.web import WebPage


class Catcher:
    """Takes every mail by SMTP, keeps it in memory, and shows it on a web page."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        smtp_port: int = 0,
        http_port: int = 0,
        folder: Path | None = None,
        answer: Answer | None = None,
        answer_data: AnswerData | None = None,
    ) -> None:
        """Prepare; `start`, or entering it as a context, listens.

        Args:
            host: address to listen on.
            smtp_port: 0 for a free one.
            http_port: 0 for a free one.
            folder: a maildir to write every mail to as well.
            answer: decides the reply to each RCPT; None accepts.
            answer_data: decides the reply after each DATA; None keeps the mail.
        """
        self.host = host
        self.smtp_port = smtp_port
        self.http_port = http_port
        self._mailbox = Mailbox(folder)
        self._answers = (answer, answer_data)

    def start(self) -> None:
        """Listen on both ports, whose numbers are known from here on.

        Raises:
            OSError: a port is taken.
        """
        self._web_page = WebPage(self._mailbox, self.host, self.http_port)
        self._smtp_server = SmtpServer(self._mailbox, self.host, self.smtp_port, *self._answers)
        try:
            self.smtp_port = self._smtp_server.start()
        except OSError:
            self._web_page.close()
            raise
        self.http_port = self._web_page.start()

    def stop(self) -> None:
        """Close both ports; what was caught stays readable."""
        self._smtp_server.stop()
        self._web_page.stop()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def smtp_url(self) -> str:
        """Where it takes mail, for `MAILROOM_SMTP_URL`."""
        return f"smtp://{self.host}:{self.smtp_port}"

    @property
    def http_url(self) -> str:
        """Where it shows mail, for a browser."""
        return f"http://{self.host}:{self.http_port}/"

    @property
    def messages(self) -> tuple[CaughtMail, ...]:
        """All mails so far, oldest first."""
        return self._mailbox.snapshot()

    def wait_for(
        self, predicate: Callable[[Sequence[CaughtMail]], bool], timeout: float
    ) -> tuple[CaughtMail, ...]:
        """Wait until the mails so far are as wanted; see `Mailbox.wait_for`."""
        return self._mailbox.wait_for(predicate, timeout)
