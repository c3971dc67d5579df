"""What a report would say if it ran now, without a run, a mail or a trace in the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from services.report_worker.composer import Composer, Letter
from services.report_worker.delivery import Delivery, SenderMalformed, Skip, mails_empty, plan_delivery
from services.report_worker.failure import compose_failure, reason_in_ledger
from services.report_worker.fan_out import load_entities
from services.report_worker.preferences import Preferences, load_preferences, load_preferences_leniently
from services.report_worker.recipients import Mailbox
from services.report_worker.report import Report
from services.report_worker.runs import TakenRun
from services.report_worker.settings import ReportSettings
from services.report_worker.subscription import Subscription, load_subscription
from shared.wire import ReportRun

#: No run has this id.
PREVIEW_ID = str(UUID(int=0))
#: Stands for addresses that are missing; nobody can have it (RFC 2606).
_NOBODY = Mailbox("nobody@preview.invalid")


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and for what a report would run.

    Attributes:
        nominal_at: end of its window, with a time zone.
        scope: the site or bot; None for a report without a scope.
        args: of its schedule, without `reports`.
        schedule: whose firing it would be.
        run_id: of the run whose mail is wanted once more.
    """

    nominal_at: datetime
    scope: Mapping[str, str] | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    schedule: str | None = None
    run_id: str = PREVIEW_ID


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of it.

    Attributes:
        scope: the site or bot it is about.
        letter: with its message, also where none would be sent.
        recipients: everybody who would get it.
        mailed: whether it would be mailed.
        remark: why not, or what of the subscription could not be followed; None when all is well.
    """

    scope: Mapping[str, str] | None
    letter: Letter
    recipients: Sequence[Mailbox]
    mailed: bool
    remark: str | None

    @property
    def explanation(self) -> str | None:
        """The remark; where there is none, why the mail would not be sent."""
        return self.remark or (None if self.mailed else "no rows, and reports without rows are not wanted")


def occasions(connection: psycopg.Connection, report: Report, occasion: Occasion) -> tuple[Occasion, ...]:
    """Return the occasion for each enabled site or bot of a report with a scope, else the one given."""
    if report.scope is None or occasion.scope is not None:
        return (occasion,)
    names = load_entities(connection, report.scope)
    return tuple(replace(occasion, scope={report.scope: name}) for name in names)


def preview_report(
    connection: psycopg.Connection, composer: Composer, report: Report, occasion: Occasion, now: datetime
) -> Preview:
    """Compose the mail of one occasion; a disabled or muted subscription is no obstacle, only a remark.

    Args:
        connection: to the primary, for subscription and preferences.
        composer: with connections to the monitoring data.
        report: to be shown.
        occasion: with a scope if the report has one; see `occasions`.
        now: the mail's date.

    Raises:
        QueryFailed: PostgreSQL refused the query.
        ArgumentsMalformed: the occasion's args hold what no report takes.
        PreferenceMalformed: a preference is not of its kind.
    """
    preferences = load_preferences(connection)
    delivery, skipped = _plan(connection, report, preferences, now)
    shown = replace(delivery, subscription=replace(delivery.subscription, send_empty=True))
    letter = composer.compose(_taken(report, occasion), report, shown, preferences, now)
    wanted = letter.row_count > 0 or mails_empty(report, delivery.subscription, preferences)
    return Preview(
        scope=occasion.scope,
        letter=letter,
        recipients=() if skipped else delivery.recipients,
        mailed=wanted and not skipped,
        remark=skipped or delivery.remark,
    )


def preview_notice(
    connection: psycopg.Connection,
    settings: ReportSettings,
    report: Report,
    occasion: Occasion,
    *,
    error: str,
    now: datetime,
) -> tuple[bytes, Sequence[Mailbox]]:
    """Compose the notice that a run of an occasion has failed; returns it with everybody who would get it.

    Args:
        connection: to the primary, for subscription and preferences.
        settings: of the report worker.
        report: that could not be made.
        occasion: with the id of the run.
        error: as the ledger has it.
        now: the notice's date.
    """
    preferences = load_preferences_leniently(connection)
    delivery, skipped = _plan(connection, report, preferences, now)
    notice = compose_failure(
        _taken(report, occasion),
        report,
        delivery,
        preferences,
        settings,
        mail_id=f"report-failure.{occasion.run_id}",
        reason=reason_in_ledger(error, occasion.run_id),
        now=now,
    )
    return notice, () if skipped else delivery.recipients


def _taken(report: Report, occasion: Occasion) -> TakenRun:
    args = dict(occasion.args)
    run = ReportRun(occasion.run_id, report.name, occasion.nominal_at, occasion.scope, "operator", args)
    return TakenRun(run, occasion.schedule)


def _plan(
    connection: psycopg.Connection, report: Report, preferences: Preferences, now: datetime
) -> tuple[Delivery, str | None]:
    """Who would get a mail; where nobody would, a delivery to show it with, and why."""
    subscription = load_subscription(connection, report.subscription)
    try:
        planned = plan_delivery(report, preferences, subscription, now)
    except SenderMalformed as error:
        planned = Skip(str(error))
    if isinstance(planned, Delivery):
        return planned, None
    known = subscription or Subscription(report.subscription, "", "")
    return Delivery(known, _NOBODY, (_NOBODY,)), planned.reason
