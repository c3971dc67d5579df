"""Whether a report is mailed, and to whom."""

from dataclasses import dataclass
from datetime import datetime

from services.report_worker.preferences import Preferences
from services.report_worker.recipients import Mailbox, parse_mailbox, parse_recipients
from services.report_worker.report import Report
from services.report_worker.subscription import Subscription
from shared.errors import MailroomError


class SenderMalformed(MailroomError):
    """A subscription's From is not an address."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Who gets a report from whom.

    Attributes:
        subscription: that says so.
        sender: author and reverse-path.
        recipients: everybody, each once.
        remark: what of the subscription could not be followed; None when all of it could.
    """

    subscription: Subscription
    sender: Mailbox
    recipients: tuple[Mailbox, ...]
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """The report is not run at all, and why."""

    reason: str


def plan_delivery(
    report: Report, preferences: Preferences, subscription: Subscription | None, now: datetime
) -> Delivery | Skip:
    """Decide whether a report is run for anybody.

    Raises:
        SenderMalformed: the subscription's From is not an address.
    """
    if not preferences.reports_enabled:
        return Skip("preference exchange__reports_enabled is false")
    if subscription is None:
        return Skip(f"there is no subscription {report.subscription!r}")
    if not subscription.enabled:
        return Skip(f"subscription {subscription.name!r} is disabled")
    if subscription.mute_until is not None and subscription.mute_until > now:
        return Skip(
            f"subscription {subscription.name!r} is muted until {subscription.mute_until.isoformat()}"
        )
    recipients = parse_recipients(subscription.emails_list)
    malformed = (
        f"not an address: {', '.join(map(repr, recipients.malformed))}" if recipients.malformed else ""
    )
    if not recipients.mailboxes:
        return Skip(
            f"subscription {subscription.name!r} has no valid recipient ({malformed or 'its list is empty'})"
        )
    remark = "; ".join(filter(None, (malformed, _columns_remark(report, subscription)))) or None
    return Delivery(subscription, _sender(subscription), recipients.mailboxes, remark)


def mails_empty(report: Report, subscription: Subscription, preferences: Preferences) -> bool:
    """Return whether the report is mailed although it has no rows."""
    if subscription.send_empty is not None:
        return subscription.send_empty
    return report.send_empty == "always" or preferences.empty_alerts


def _columns_remark(report: Report, subscription: Subscription) -> str:
    unknown = [name for name in subscription.column_names if name not in {c.name for c in report.columns}]
    if not unknown:
        return ""
    return f"the report's own columns are shown, because it has no {', '.join(map(repr, unknown))}"


def _sender(subscription: Subscription) -> Mailbox:
    sender = parse_mailbox(subscription.from_email)
    if sender is None:
        raise SenderMalformed(
            f"subscription {subscription.name!r}: from_email {subscription.from_email!r} is no address"
        )
    return sender
