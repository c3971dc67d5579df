"""Handling a `report.run`: claim the run, fan out or compose, publish, close the run, in this order.

A worker that dies on the way leaves a run whose lease ends; the redelivered command does it again with the
same run ids and the same mail id, and the relay drops the second copy.
"""

import time
from collections.abc import Callable
from datetime import datetime

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from services.report_worker.catalogue import Catalogue
from services.report_worker.composer import Composer, Letter
from services.report_worker.delivery import Delivery, Skip, plan_delivery
from services.report_worker.fan_out import child_runs, load_entities
from services.report_worker.mail_body import keep_message
from services.report_worker.preferences import load_preferences
from services.report_worker.report import Report, Scope
from services.report_worker.runs import Claim, Conclusion, add_children, claim_run, finish_run, release_run
from services.report_worker.settings import ReportSettings
from services.report_worker.subscription import load_subscription
from shared.broker import Outcome, Publishing, Topology
from shared.broker.message import Message
from shared.errors import MailroomError
from shared.telemetry import metrics
from shared.wire import Mail, ReportRun
from shared.worker import Poison, Retry

_log = structlog.get_logger()


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
    ) -> None:
        self._pool = pool
        self._publisher = publisher
        self._topology = topology
        self._catalogue = catalogue
        self._settings = settings
        self._clock = clock
        self._composer = Composer(reports_pool, settings)

    def handle(self, run: ReportRun) -> None:
        """Carry out one run; returns when it is closed in the ledger, now or by an earlier delivery.

        Raises:
            Retry: another worker has the run, or PostgreSQL or the broker cannot be used now.
            Poison: there is no such report, or it has no such scope.
        """
        began = time.monotonic()
        if not self._claim(run):
            return
        try:
            conclusion = self._carry_out(run)
            self._finish(run, conclusion, time.monotonic() - began)
        except Poison as error:
            self._finish(run, Conclusion("failed", error=str(error)), time.monotonic() - began)
            raise
        except Exception as error:
            self._release(run, error)
            if isinstance(error, psycopg.OperationalError):
                raise Retry(f"PostgreSQL cannot be used now: {error}") from error
            raise

    def _claim(self, run: ReportRun) -> bool:
        try:
            with self._pool.connection() as connection:
                claim = claim_run(connection, run, self._settings.lease)
        except psycopg.OperationalError as error:
            raise Retry(f"PostgreSQL cannot be used now: {error}") from error
        except psycopg.DataError as error:
            raise Poison(f"run {run.run_id!r:.80} cannot be entered into the ledger: {error}") from error
        if claim is Claim.LEASED:
            raise Retry("leased by another worker", limited=False)
        if claim is Claim.FINISHED:
            _log.info("report run was done before", action="report_repeated", run_id=run.run_id)
        return claim is Claim.TAKEN

    def _carry_out(self, run: ReportRun) -> Conclusion:
        report = self._report(run)
        now = self._clock()
        try:
            with self._pool.connection() as connection:
                preferences = load_preferences(connection)
                subscription = load_subscription(connection, report.subscription)
            delivery = plan_delivery(report, preferences, subscription, now)
            if isinstance(delivery, Skip):
                return Conclusion("skipped", reason=delivery.reason)
            fan_out_by = report.scope if run.scope is None else None
            made = fan_out_by or self._composer.compose(run, report, delivery, preferences, now)
        except psycopg.OperationalError:
            raise
        except Exception as error:  # noqa: BLE001  # what keeps a report from being made does so every time
            if not isinstance(error, MailroomError):
                _log.exception("report cannot be made", action="report_crashed", run_id=run.run_id)
            return Conclusion("failed", error=f"{type(error).__name__}: {error}")
        if isinstance(made, Letter):
            return self._send(run, delivery, made, now)
        return self._fan_out(run, made)

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
        mail = self._mail(f"report.{run.run_id}", delivery, letter.message, now) if letter.message else None
        if mail:
            self._publish(mail)
        return Conclusion(
            "sent" if letter.row_count else "empty",
            reason=_reason(delivery, letter),
            row_count=letter.row_count,
            csv_sha256=letter.csv_sha256,
            csv_bytes=letter.csv_bytes,
            mail_bytes=len(letter.message) if letter.message else None,
            mail_id=mail.mail_id if mail else None,
            silent=letter.silent,
        )

    def _mail(self, mail_id: str, delivery: Delivery, message: bytes, now: datetime) -> Mail:
        reference = None
        if len(message) > self._settings.inline_limit:
            with self._pool.connection() as connection:
                reference = keep_message(connection, mail_id, message)
        return Mail(
            mail_id=mail_id,
            kind="report",
            mail_from=delivery.sender.address,
            rcpt_to=tuple(recipient.address for recipient in delivery.recipients),
            message=reference or message,
            created_at=now,
            expires_at=now + self._settings.mail_lifetime,
        )

    def _publish(self, *messages: Message) -> None:
        outcomes = self._publisher.publish([self._topology.address(message) for message in messages])
        for message, outcome in zip(messages, outcomes, strict=True):
            if outcome is not Outcome.CONFIRMED:
                raise Retry(f"the broker did not take {message.TYPE} {message.message_id}: {outcome.value}")

    def _finish(self, run: ReportRun, conclusion: Conclusion, seconds: float) -> None:
        with self._pool.connection() as connection:
            finish_run(connection, run.run_id, conclusion)
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
        name = run.report if run.report in self._catalogue.reports else "unknown"
        metrics.REPORTS.labels(name, "stale" if conclusion.silent else conclusion.state).inc()
        metrics.REPORT_DURATION.labels(name).observe(seconds)
        if conclusion.row_count is not None:
            metrics.REPORT_ROWS.labels(name).observe(conclusion.row_count)

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
