"""Telling a report's owners that it could not be made: neither a report with rows nor one without."""

from datetime import datetime

from services.report_worker.delivery import Delivery
from services.report_worker.entity import entity_of
from services.report_worker.footer import write_footer
from services.report_worker.mail import compose_mail
from services.report_worker.phrases import local_time
from services.report_worker.preferences import Preferences
from services.report_worker.rendering import View, render_body
from services.report_worker.report import Report
from services.report_worker.runs import TakenRun
from services.report_worker.settings import ReportSettings
from services.report_worker.window import Window
from services.report_worker.wording import word_failure
from shared.errors import MailroomError


def plain_reason(error: Exception, run_id: str) -> str:
    """Return why a run failed, in words that may leave the house.

    Our own errors say nothing secret; what another says is for the log alone.
    """
    if isinstance(error, MailroomError):
        return str(error)
    return f"Something unexpected went wrong. The report worker's log has it, at run {run_id}."


def reason_in_ledger(error: str, run_id: str) -> str:
    """Return the plain reason of a failure from what the ledger has: the error's name and message."""
    name, _, message = error.partition(": ")
    return plain_reason(MailroomError(message) if name in _names(MailroomError) else Exception(), run_id)


def _names(kind: type[Exception]) -> set[str]:
    return {kind.__name__}.union(*map(_names, kind.__subclasses__()))


def compose_failure(
    taken: TakenRun,
    report: Report,
    delivery: Delivery,
    preferences: Preferences,
    settings: ReportSettings,
    *,
    mail_id: str,
    reason: str,
    now: datetime,
) -> bytes:
    """Compose the notice.

    Args:
        taken: the run that failed.
        report: that could not be made.
        delivery: who would have got it, and now gets the notice.
        preferences: with the level of notices and their quiet period.
        settings: of the report worker.
        mail_id: of the notice.
        reason: from `plain_reason`.
        now: the notice's date.
    """
    run = taken.run
    wording = word_failure(
        report,
        delivery.subscription,
        preferences,
        entity=entity_of(run.scope),
        nominal=local_time(run.nominal_at, settings.time_zone),
        reason=reason,
        host=settings.host_name,
    )
    window = Window(run.nominal_at, preferences.report_interval)
    footer = write_footer(taken, report, delivery, window=window, now=now, settings=settings)
    return compose_mail(
        mail_id=mail_id,
        run_id=run.run_id,
        report=report.name,
        host=settings.host_name,
        date=now,
        from_=delivery.sender,
        to=delivery.recipients,
        subject=wording.subject,
        body=render_body(View(wording, footer)),
        attachment=None,
    )
