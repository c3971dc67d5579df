"""Where the mails of previews come from: composed once more, by the workers' own parts, for nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.console.names import look_up
from services.console.ndr.preview import first_message, preview
from services.console.reports.listing import find_report
from services.console.web.composing import report_composer
from services.console.web.models import ReportRun, Subscription
from services.console.web.pages.page import psycopg_connection
from services.console.web.project import mailroom_settings
from services.report_worker.catalogue import Catalogue
from services.report_worker.entity import entity_of
from services.report_worker.preview import Occasion, Preview, occasions, preview_notice, preview_report
from services.report_worker.settings import ReportSettings
from shared.errors import MailroomError

_NOTICE = "This run failed. This is the notice of it that went to the owners of the report."


class NoMailToShow(MailroomError):
    """There is no one mail to preview; the message says what to look at instead."""


@dataclass(frozen=True, slots=True)
class Source:
    """A mail to be shown.

    Attributes:
        message: as bytes; empty when there would be none.
        recipients: of its envelope.
        remarks: what a reader has to know about it, in sentences.
        query: what the address of its parts has to say, so that they are of the same mail.
        choices: what else could be shown: a field of the address, then its values.
    """

    message: bytes
    recipients: tuple[str, ...]
    remarks: tuple[str, ...]
    query: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def mail_of_run(run: ReportRun) -> Source:
    """Compose the mail of a run once more: its identity, window and arguments, today's data and subscription.

    Raises:
        NoMailToShow: it became a run for every site or bot.
        MailroomError: it cannot be composed now.
    """
    report = find_report(_catalogue(), run.report)
    if report.scope and run.scope is None:
        raise NoMailToShow(
            f"this run is for every {report.scope}: it became a run for each, whose mails can be shown"
        )
    occasion = Occasion(run.nominal_at, run.scope, run.args, run.schedule, str(run.run_id))
    now = run.started_at or datetime.now(UTC)
    if run.error and run.mail_id:
        settings = ReportSettings.of(mailroom_settings())
        notice, to = preview_notice(
            psycopg_connection(), settings, report, occasion, error=run.error, now=now
        )
        return Source(notice, tuple(mailbox.address for mailbox in to), (_NOTICE,))
    made = preview_report(psycopg_connection(), report_composer(), report, occasion, now)
    return _source(made, (_compared(run, made.letter.csv_sha256), *_fate(made)))


def mail_of_subscription(subscription: Subscription, query: Mapping[str, str]) -> Source:
    """Compose the mail of a report that goes by a subscription.

    Args:
        subscription: as stored.
        query: `report`, one of those that go by it (default: the first); `about`, an enabled site or bot if
            it is about one (default: the first); `at`, the end of its window (default: now).

    Raises:
        NoMailToShow: no report goes by it, or no site or bot is enabled.
        NameUnknown: the report is none of those, or the site or bot is not enabled.
        MailroomError: it cannot be composed now.
    """
    reports = {
        name: report
        for name, report in _catalogue().reports.items()
        if report.subscription == subscription.name
    }
    if not reports:
        raise NoMailToShow(f"no report goes by subscription {subscription.name!r}")
    report = look_up("report of this subscription", query.get("report") or next(iter(reports)), reports)
    now = datetime.now(UTC)
    at = _moment(query.get("at"), now)
    each = {
        entity_of(occasion.scope) or "": occasion
        for occasion in occasions(psycopg_connection(), report, Occasion(at))
    }
    if not each:
        raise NoMailToShow(f"report {report.name} has a mail for each {report.scope}, and none is enabled")
    about = query.get("about") if report.scope else ""
    occasion = look_up(f"enabled {report.scope}", about if about in each else next(iter(each)), each)
    made = preview_report(psycopg_connection(), report_composer(), report, occasion, now)
    entity = entity_of(occasion.scope)
    return _source(
        made,
        _fate(made),
        query={"report": report.name, "at": at.isoformat(), **({"about": entity} if entity else {})},
        choices={"report": tuple(reports), **({"about": tuple(each)} if entity else {})},
    )


def mail_of_entry(entry_id: int) -> Source:
    """Compose the NDR that would tell of a bounced entry, with all the entries that would be in it.

    Raises:
        EntryUnknown: there is no such entry in the queue or in quarantine.
    """
    issued = preview(psycopg_connection(), entry_id, mailroom_settings(), datetime.now(UTC))
    endings = (
        f"Entry {end.entry.entry_id} to {end.entry.recipient}: {end.quarantine_reason or end.action}."
        for end in issued.finished
    )
    mails = (f"{mail.kind} to {', '.join(mail.rcpt_to)}." for mail in issued.mails[1:])
    return Source(
        first_message(issued),
        issued.mails[0].rcpt_to if issued.mails else (),
        (*endings, *(f"Besides this mail, {mail}" for mail in mails)),
    )


def _source(
    made: Preview,
    remarks: tuple[str, ...],
    query: Mapping[str, str] | None = None,
    choices: Mapping[str, tuple[str, ...]] | None = None,
) -> Source:
    recipients = tuple(mailbox.address for mailbox in made.recipients)
    return Source(made.letter.message or b"", recipients, remarks, query or {}, choices or {})


def _fate(made: Preview) -> tuple[str, ...]:
    """Whether it would be mailed, if there is anything to say about it."""
    if made.mailed:
        return (f"Remark: {made.remark}.",) if made.remark else ()
    return (f"It would not be mailed now: {made.explanation}.",)


def _compared(run: ReportRun, csv_sha256: str) -> str:
    """How what is shown compares with what the run had."""
    if run.csv_sha256 is None:
        return f"This run is {run.state} and no rows of it are known. Its mail would be this one now."
    if run.csv_sha256 != csv_sha256:
        return (
            "These are not the rows that this run had: "
            "the monitoring data or the columns of the subscription have changed since."
        )
    return (
        "The rows are those that this run had. "
        "Words, sender and recipients are of the subscription as it is now."
    )


def _moment(text: str | None, otherwise: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return otherwise
    return moment if moment.tzinfo else otherwise


def _catalogue() -> Catalogue:
    return Catalogue.load(mailroom_settings().reports.catalogue_path)
