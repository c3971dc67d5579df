"""Handling a `report.run`: claim the run, fan out or compose, publish, close the run, in this order.

A worker that dies on the way leaves a run whose lease ends; the redelivered command does it again with the
same run ids and the same mail id, and the relay drops the second copy.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from services.report_worker.catalogue import Catalogue
from services.report_worker.composer import Composer, Letter, mail_id_of
from services.report_worker.delivery import Delivery, SenderMalformed, Skip, plan_delivery
from services.report_worker.failure import compose_failure, plain_reason
from services.report_worker.fan_out import child_runs, load_entities
from services.report_worker.mail_body import keep_message
from services.report_worker.preferences import load_preferences, load_preferences_leniently
from services.report_worker.report import Report, Scope
from services.report_worker.run_arguments import run_interval
from services.report_worker.runs import (
    Conclusion,
    NotTaken,
    TakenRun,
    add_children,
    claim_notice,
    claim_run,
    finish_run,
    keep_interval,
    release_run,
)
from services.report_worker.settings import ReportSettings
from services.report_worker.subscription import load_subscription
from shared.broker import Outcome, Publishing, Topology
from shared.broker.events import Events
from shared.broker.message import Message
from shared.broker.sending import send
from shared.errors import MailroomError
from shared.telemetry import metrics, tracing
from shared.wire import Mail, ReportRun
from shared.worker import Poison, Retry

_log = structlog.get_logger()
#: States of a closed run that others are told of.
_ANNOUNCED = frozenset({"sent", "empty", "failed"})
#: What a run is counted as, so that names made up outside give no new series.
_OUTCOMES = ("sent", "empty", "stale", "skipped", "failed", "fanned-out")
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class _Made:
    """A run with the length of its window in its args, and what it came to: a letter, or more runs."""

    run: ReportRun
    delivery: Delivery
    outcome: Letter | Scope


class ReportWorker:
    """Turns `report.run` commands into mails.

    Args:
        pool: connections to the primary, for ledger, subscriptions and preferences.
        reports_pool: connections to the monitoring data, a replica if there is one.
        publisher: where mails and the commands of children go.
        topology: how they are addressed.
        catalogue: the reports there are.
        settings: of this worker.
        clock: tells the time with a zone.
        events: tells others what became of runs.
    """

    def __init__(
        self,
        *,
        pool: ConnectionPool,
        reports_pool: ConnectionPool,
        publisher: Publishing,
        topology: Topology,
        catalogue: Catalogue,
        settings: ReportSettings,
        clock: Callable[[], datetime],
        events: Events | None = None,
    ) -> None:
        self._pool = pool
        self._publisher = publisher
        self._topology = topology
        self._catalogue = catalogue
        self._settings = settings
        self._clock = clock
        self._events = events or Events.off()
        self._composer = Composer(reports_pool, settings)
        metrics.begin_at_zero(metrics.REPORTS, (*catalogue.reports, _UNKNOWN), _OUTCOMES)

    def handle(self, run: ReportRun) -> None:
        """Carry out one run; returns when it is closed in the ledger, now or by an earlier delivery.

        Raises:
            Retry: another worker has the run, or the broker cannot be used now.
            psycopg.OperationalError: PostgreSQL cannot be used now.
            Poison: there is no such report, or it has no such scope.
        """
        began = time.monotonic()
        tracing.note(run_id=run.run_id, report=run.report, requested_by=run.requested_by)
        taken = self._claim(run)
        if taken is None:
            return
        try:
            conclusion = self._carry_out(taken)
            self._finish(run, conclusion, time.monotonic() - began)
        except Poison as error:
            self._finish(run, Conclusion("failed", error=str(error)), time.monotonic() - began)
            raise
        except Exception as error:
            self._release(run, error)
            raise

    def _claim(self, run: ReportRun) -> TakenRun | None:
        try:
            with self._pool.connection() as connection:
                claim = claim_run(connection, run, self._settings.lease)
        except psycopg.DataError as error:
            raise Poison(f"run {run.run_id!r:.80} cannot be entered into the ledger: {error}") from error
        if isinstance(claim, TakenRun):
            return claim
        if claim is NotTaken.LEASED:
            raise Retry("leased by another worker", limited=False)
        _log.info("report run was done before", action="report_repeated", run_id=run.run_id)
        return None

    def _carry_out(self, taken: TakenRun) -> Conclusion:
        report = self._report(taken.run)
        now = self._clock()
        try:
            made = self._make(taken, report, now)
        except psycopg.OperationalError:
            raise
        except Exception as error:  # noqa: BLE001  # what keeps a report from being made does so every time
            if not isinstance(error, MailroomError):
                _log.exception("report cannot be made", action="report_crashed", run_id=taken.run.run_id)
            notice = self._tell_owners(taken, report, error, now)
            return Conclusion("failed", error=f"{type(error).__name__}: {error}", mail_id=notice)
        if isinstance(made, Skip):
            return Conclusion("skipped", reason=made.reason)
        if isinstance(made.outcome, Letter):
            return self._send(made.run, made.delivery, made.outcome, now)
        return self._fan_out(made.run, made.outcome)

    def _make(self, taken: TakenRun, report: Report, now: datetime) -> _Made | Skip:
        with self._pool.connection() as connection:
            preferences = load_preferences(connection)
            subscription = load_subscription(connection, report.subscription)
            delivery = plan_delivery(report, preferences, subscription, now)
            if isinstance(delivery, Skip):
                return delivery
            run = keep_interval(connection, taken.run, run_interval(taken.run.args, preferences))
        if report.scope and run.scope is None:
            return _Made(run, delivery, report.scope)
        letter = self._composer.compose(replace(taken, run=run), report, delivery, preferences, now)
        return _Made(run, delivery, letter)

    def _report(self, run: ReportRun) -> Report:
        report = self._catalogue.reports.get(run.report)
        if report is None:
            known = ", ".join(self._catalogue.reports)
            reason = self._catalogue.broken.get(run.report, f"there is none; the catalogue has {known}")
            raise Poison(f"report {run.report!r:.80} cannot be run: {reason}")
        if run.scope is not None and report.scope not in run.scope:
            wanted = f"a {report.scope}" if report.scope else "no scope"
            raise Poison(f"report {report.name} takes {wanted}, not {dict(run.scope)!r:.80}")
        return report

    def _fan_out(self, run: ReportRun, scope: Scope) -> Conclusion:
        with self._pool.connection() as connection:
            children = child_runs(run, scope, load_entities(connection, scope))
            add_children(connection, run.run_id, children)
        self._publish(*children)
        return Conclusion("fanned-out", reason=f"one run for each enabled {scope}: {len(children)}")

    def _send(self, run: ReportRun, delivery: Delivery, letter: Letter, now: datetime) -> Conclusion:
        mail_id = None
        if letter.message:
            mail_id = mail_id_of(run)
            self._publish(self._mail(mail_id, "report", delivery, letter.message, now))
        return Conclusion(
            "sent" if letter.row_count else "empty",
            reason=_reason(delivery, letter),
            row_count=letter.row_count,
            csv_sha256=letter.csv_sha256,
            csv_bytes=letter.csv_bytes,
            mail_bytes=len(letter.message) if letter.message else None,
            mail_id=mail_id,
            silent=letter.silent,
        )

    def _tell_owners(self, taken: TakenRun, report: Report, error: Exception, now: datetime) -> str | None:
        """Mail the notice that a report could not be made, once in a quiet period; returns its mail id."""
        with self._pool.connection() as connection:
            preferences = load_preferences_leniently(connection)
            subscription = load_subscription(connection, report.subscription)
            try:
                delivery = plan_delivery(report, preferences, subscription, now)
            except SenderMalformed:
                return None
            if isinstance(delivery, Skip):
                return None
            mail_id = claim_notice(connection, taken.run, preferences.failure_quiet)
        if mail_id is not None:
            notice = compose_failure(
                taken,
                report,
                delivery,
                preferences,
                self._settings,
                mail_id=mail_id,
                reason=plain_reason(error, taken.run.run_id),
                now=now,
            )
            self._publish(self._mail(mail_id, "notice", delivery, notice, now))
        return mail_id

    def _mail(self, mail_id: str, kind: str, delivery: Delivery, message: bytes, now: datetime) -> Mail:
        reference = None
        if len(message) > self._settings.inline_limit:
            with self._pool.connection() as connection:
                reference = keep_message(connection, mail_id, message)
        return Mail(
            mail_id=mail_id,
            kind=kind,
            mail_from=delivery.sender.address,
            rcpt_to=tuple(recipient.address for recipient in delivery.recipients),
            message=reference or message,
            created_at=now,
            expires_at=now + self._settings.mail_lifetime,
        )

    def _publish(self, *messages: Message) -> None:
        outcomes = send(self._publisher, [self._topology.address(message) for message in messages])
        for message, outcome in zip(messages, outcomes, strict=True):
            if outcome is not Outcome.CONFIRMED:
                # a broker that is away or full comes back; an address without a queue is for an operator
                raise Retry(
                    f"the broker did not take {message.TYPE} {message.message_id}: {outcome.value}",
                    limited=outcome is Outcome.UNROUTABLE,
                )

    def _finish(self, run: ReportRun, conclusion: Conclusion, seconds: float) -> None:
        with self._pool.connection() as connection:
            finish_run(connection, run.run_id, conclusion)
        tracing.note(state=conclusion.state, rows=conclusion.row_count)
        _log.info(
            "report run closed",
            action=f"report_{conclusion.state}",
            run_id=run.run_id,
            report=run.report,
            scope=dict(run.scope or {}),
            rows=conclusion.row_count,
            reason=conclusion.reason,
            error=conclusion.error,
            seconds=round(seconds, 3),
        )
        name = run.report if run.report in self._catalogue.reports else _UNKNOWN
        metrics.REPORTS.labels(name, "stale" if conclusion.silent else conclusion.state).inc()
        metrics.REPORT_DURATION.labels(name).observe(seconds)
        if conclusion.row_count is not None:
            metrics.REPORT_ROWS.labels(name).observe(conclusion.row_count)
        if conclusion.state in _ANNOUNCED:
            self._events.announce(
                f"report.{conclusion.state}", run.run_id, report=run.report, rows=conclusion.row_count
            )

    def _release(self, run: ReportRun, error: Exception) -> None:
        """Let the next delivery take the run at once; failing that, it can when the lease ends."""
        try:
            with self._pool.connection() as connection:
                release_run(connection, run.run_id, f"{type(error).__name__}: {error}")
        except psycopg.OperationalError:
            _log.warning("report run keeps its lease", action="report_release_failed", run_id=run.run_id)


def _reason(delivery: Delivery, letter: Letter) -> str | None:
    reasons = [
        "no bot reported anything in the window" if letter.silent else None,
        delivery.remark,
        None if letter.message else "no rows, and reports without rows are not wanted",
    ]
    return "; ".join(filter(None, reasons)) or None
