"""What arrived at the SMTP sink, read as a mail reader does."""

import email
import email.policy
from email.message import EmailMessage

from demo.catcher import CaughtMail
from tests.acceptance.house import House


def read(mail: CaughtMail) -> EmailMessage:
    return email.message_from_bytes(mail.content, policy=email.policy.default)


def reports(home: House, name: str) -> list[CaughtMail]:
    """The mails of a report, in order of arrival."""
    return [mail for mail in home.catcher.messages if read(mail)["X-Mailroom-Report"] == name]


def wait_for_report(home: House, name: str) -> CaughtMail:
    """The latest mail of a report, once there is one."""
    home.catcher.wait_for(lambda _: bool(reports(home, name)), 20)
    return reports(home, name)[-1]
