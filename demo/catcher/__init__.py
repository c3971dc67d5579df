"""A mail catcher: takes every mail by SMTP, keeps it, and shows it on a web page.

In a test: `with Catcher() as catcher: …; catcher.wait_for(lambda mails: len(mails) == 3, timeout=10)`.
On its own: `python -m demo.catcher --smtp-port 2525 --http-port 8025`.
"""

from demo.catcher.catcher import Catcher
from demo.catcher.mailbox import CaughtMail, MailNotCaught
from demo.catcher.smtp_server import Answer, AnswerData

__all__ = ["Answer", "AnswerData", "Catcher", "CaughtMail", "MailNotCaught"]
