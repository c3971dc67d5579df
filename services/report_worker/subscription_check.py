"""Checking a subscription before it is stored, against the reports that use it."""

from collections.abc import Iterable

from services.report_worker.recipients import parse_mailbox, parse_recipients
from services.report_worker.report import Report
from services.report_worker.subscription import Subscription

#: The one template there is.
TEMPLATE = "report"
ATTACHMENTS = ("csv", "xlsx", "none")


def subscription_problems(
    subscription: Subscription, reports: Iterable[Report], template_name: str = TEMPLATE
) -> tuple[str, ...]:
    """Say what is wrong with a subscription, one sentence each; nothing when all is well.

    A column is wrong when no report that uses the subscription has it; where some have it, the others show
    their own columns.

    Args:
        subscription: as it would be stored.
        reports: all of the catalogue.
        template_name: as it would be stored.
    """
    recipients = parse_recipients(subscription.emails_list)
    problems = [f"emails_list: {entry!r} is no address" for entry in recipients.malformed]
    if not recipients.mailboxes:
        problems.append("emails_list: it names nobody; write for instance Ops <ops@example.com>")
    if parse_mailbox(subscription.from_email) is None:
        problems.append(f"from_email: {subscription.from_email!r} is no address")
    if subscription.attachment not in ATTACHMENTS:
        problems.append(f"attachment: {subscription.attachment!r} is none of {', '.join(ATTACHMENTS)}")
    if template_name != TEMPLATE:
        problems.append(f"template_name: there is no template {template_name!r}; write {TEMPLATE}")
    return (*problems, *_column_problems(subscription, reports))


def _column_problems(subscription: Subscription, reports: Iterable[Report]) -> list[str]:
    using = [report for report in reports if report.subscription == subscription.name]
    known = {column.name for report in using for column in report.columns}
    unknown = [name for name in subscription.column_names if name not in known]
    names = ", ".join(report.name for report in using)
    if not unknown:
        return []
    if not using:
        return ["columns: no report uses this subscription; leave them empty"]
    there_are = ", ".join(sorted(known))
    return [f"columns: {names} has no column {name!r}; there are {there_are}" for name in unknown]
