"""A report's mail as it would be now, for one reader and marked as a test; there is no run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from psycopg import Connection

from services.report_worker.composer import Composer, mail_id_of
from services.report_worker.delivery import Delivery, SenderMalformed
from services.report_worker.mail_body import keep_message
from services.report_worker.preferences import load_preferences
from services.report_worker.recipients import Mailbox, parse_mailbox
from services.report_worker.report import Report
from services.report_worker.runs import TakenRun
from services.report_worker.subscription import load_subscription
from shared.broker import Outcome, Publishing, Topology
from shared.errors import MailroomError
from shared.wire import Mail, ReportRun

#: Stands in brackets at the head of the subject.
MARK = "TEST"
#: A test that came later than this would only puzzle.
_LIFETIME = timedelta(hours=1)


class TrialRefused(MailroomError):
    """There is no test mail to send; the message says why."""


class TrialNotTaken(MailroomError):
    """The broker did not take a test mail; see to the broker and send it again."""


def compose_trial(
    connection: Connection,
    composer: Composer,
    report: Report,
    scope: Mapping[str, str] | None,
    reader: str,
    *,
    now: datetime,
    inline_limit: int,
) -> Mail:
    """Compose the mail of a report, also without rows, whether its subscription is enabled or not.

    Args:
        connection: to the primary, in a transaction.
        composer: with connections to the monitoring data.
        report: with a subscription.
        scope: the site or bot, for a report that is about one.
        reader: the one address that gets it.
        now: the end of its window, and the mail's date.
        inline_limit: octets above which the mail is kept in PostgreSQL for the relay.

    Raises:
        TrialRefused: the reader's address is none, or there is no such subscription.
        SenderMalformed: the subscription's From is not an address.
        QueryFailed: PostgreSQL refused the query.
    """
    mailbox = parse_mailbox(reader)
    if mailbox is None:
        raise TrialRefused(f"{reader!r:.200} is no address")
    delivery = _delivery(connection, report, Mailbox(mailbox.address))
    run = ReportRun(str(uuid4()), report.name, now, scope, "operator")
    letter = composer.compose(TakenRun(run, None), report, delivery, load_preferences(connection), now)
    message = letter.message or b""
    mail_id = mail_id_of(run)
    return Mail(
        mail_id=mail_id,
        kind="report",
        mail_from=delivery.sender.address,
        rcpt_to=(mailbox.address,),
        message=message if len(message) <= inline_limit else keep_message(connection, mail_id, message),
        created_at=now,
        expires_at=now + _LIFETIME,
    )


def send_trial(publisher: Publishing, topology: Topology, mail: Mail) -> None:
    """Hand a test mail to the relay, once what it refers to is committed.

    Raises:
        TrialNotTaken: the broker did not take it.
    """
    (outcome,) = publisher.publish([topology.address(mail)])
    if outcome is not Outcome.CONFIRMED:
        raise TrialNotTaken(f"the broker did not take the mail ({outcome.value}); see to it and send again")


def _delivery(connection: Connection, report: Report, reader: Mailbox) -> Delivery:
    subscription = load_subscription(connection, report.subscription)
    if subscription is None:
        raise TrialRefused(f"there is no subscription {report.subscription!r}")
    sender = parse_mailbox(subscription.from_email)
    if sender is None:
        raise SenderMalformed(f"from_email {subscription.from_email!r} is no address; correct it first")
    tags = ",".join(filter(None, (MARK, subscription.tags)))
    return Delivery(replace(subscription, tags=tags, send_empty=True), sender, (reader,))
