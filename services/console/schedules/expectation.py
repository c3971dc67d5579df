"""What a firing of a schedule would mail if it came now: composed in full, entered and published nowhere."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import formataddr

from psycopg import Connection

from services.console.reports.listing import find_report
from services.console.subscriptions.recipients import repeated
from services.report_worker.attachment import Form
from services.report_worker.catalogue import Catalogue
from services.report_worker.composer import Composer
from services.report_worker.entity import entity_of
from services.report_worker.preview import Occasion, Preview, occasions, preview_report
from services.report_worker.recipients import parse_recipients
from services.report_worker.report import Report
from services.report_worker.subscription import load_subscription
from shared.errors import MailroomError
from shared.wire import ReportRun

#: The rung of the attachment ladder, in words.
_RUNGS = {
    Form.XLSX: "as is (XLSX)",
    Form.CSV: "as is (CSV)",
    Form.ZIP: "zipped",
    Form.OMITTED: "left out, too large",
    None: "none",
}


@dataclass(frozen=True, slots=True)
class ExpectedMail:
    """One mail of a report.

    Attributes:
        entity: the site or bot it is about; None for everything.
        rows: of the report.
        csv_bytes: of all rows as CSV.
        attachment: the rung of the attachment ladder.
        mailed: whether it would be sent.
        remark: why it would not be sent, or what of the subscription could not be followed.
    """

    entity: str | None
    rows: int
    csv_bytes: int
    attachment: str
    mailed: bool
    remark: str | None


@dataclass(frozen=True, slots=True)
class ExpectedReport:
    """One report of a schedule.

    Attributes:
        report: its name.
        subscription: that says who gets it; None when the report is unknown or broken.
        recipients: everybody who would get it, each once.
        malformed: entries of the subscription's list that are no addresses.
        repeated: addresses that the list has more than once.
        mails: one, or one for each enabled site or bot.
        problem: why the report cannot be run.
    """

    report: str
    subscription: str | None = None
    recipients: tuple[str, ...] = ()
    malformed: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    mails: tuple[ExpectedMail, ...] = ()
    problem: str | None = None


def expect(
    connection: Connection,
    composer: Composer,
    catalogue: Catalogue,
    runs: Iterable[ReportRun],
    *,
    schedule: str,
    now: datetime,
) -> Iterator[ExpectedReport]:
    """Tell what becomes of the runs of a firing.

    Args:
        connection: to subscriptions and preferences.
        composer: with connections to the monitoring data.
        catalogue: the reports there are.
        runs: of the firing.
        schedule: whose firing it is.
        now: the mails' date.
    """
    for run in runs:
        try:
            report = find_report(catalogue, run.report)
        except MailroomError as error:
            yield ExpectedReport(run.report, problem=str(error))
            continue
        occasion = Occasion(run.nominal_at, None, run.args, schedule)
        yield _expected(connection, composer, report, occasion, now)


def _expected(
    connection: Connection, composer: Composer, report: Report, occasion: Occasion, now: datetime
) -> ExpectedReport:
    subscription = load_subscription(connection, report.subscription)
    emails_list = subscription.emails_list if subscription else ""
    recipients = parse_recipients(emails_list)
    mails: tuple[ExpectedMail, ...] = ()
    problem = None
    try:
        mails = tuple(
            _mail(preview_report(connection, composer, report, each, now))
            for each in occasions(connection, report, occasion)
        )
    except MailroomError as error:
        problem = str(error)
    return ExpectedReport(
        report.name,
        report.subscription,
        tuple(formataddr((mailbox.name, mailbox.address)) for mailbox in recipients.mailboxes),
        recipients.malformed,
        repeated(emails_list),
        mails,
        problem,
    )


def _mail(preview: Preview) -> ExpectedMail:
    letter = preview.letter
    return ExpectedMail(
        entity=entity_of(preview.scope),
        rows=letter.row_count,
        csv_bytes=letter.csv_bytes,
        attachment=_RUNGS[letter.form],
        mailed=preview.mailed,
        remark=preview.explanation,
    )
