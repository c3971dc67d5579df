"""From a run to a finished mail: query, words, tables, file. Reads the monitoring data, writes nothing."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from services.report_worker.attachment import Attachment, Form, attach, attach_workbook, file_stem
from services.report_worker.chart import can_draw, describe_chart, draw_chart
from services.report_worker.delivery import Delivery, mails_empty
from services.report_worker.entity import entity_of
from services.report_worker.footer import write_footer
from services.report_worker.mail import compose_mail
from services.report_worker.preferences import Preferences
from services.report_worker.rendering import View, render_body, show_rows
from services.report_worker.report import Report
from services.report_worker.run_arguments import run_interval
from services.report_worker.runs import TakenRun
from services.report_worker.settings import ReportSettings
from services.report_worker.table import Table, bots_reported, read_table
from services.report_worker.tally import MOST_COUNTED, Tally, tally_rows
from services.report_worker.window import Window
from services.report_worker.wording import Wording, omission_note, rows_note, word_report
from shared.errors import MailroomError
from shared.settings.values import format_time_span
from shared.telemetry import tracing
from shared.wire import ReportRun

_NO_CHART = "There is no chart, because the extra `charts` of Mailroom is not installed on the report worker."

_log = structlog.get_logger()


class QueryFailed(MailroomError):
    """PostgreSQL refused a report's query or cancelled it; trying again would end the same way."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A run's outcome before anybody hears of it.

    Attributes:
        message: the mail as bytes; None when there are no rows and none is to be sent.
        subject: of the mail, whether it is sent or not.
        row_count: rows of the report.
        csv_sha256: of all of them as CSV.
        csv_bytes: of all of them as CSV.
        form: how they travel; None without rows or when the subscription wants no file.
        silent: whether no bot that the run is about reported anything in the window, so that the rows mean
            nothing.
    """

    message: bytes | None
    subject: str
    row_count: int
    csv_sha256: str
    csv_bytes: int
    form: Form | None
    silent: bool


@dataclass(frozen=True, slots=True)
class _Findings:
    """What a run found, and how it is said."""

    table: Table
    tally: Tally | None
    wording: Wording
    window: Window


class Composer:
    """Runs queries and composes mails.

    Args:
        reports_pool: connections to the monitoring data, a replica if there is one.
        settings: of the report worker.
    """

    def __init__(self, reports_pool: ConnectionPool, settings: ReportSettings) -> None:
        self._reports_pool = reports_pool
        self._settings = settings
        self._told_of_missing_charts = False

    def compose(
        self, taken: TakenRun, report: Report, delivery: Delivery, preferences: Preferences, now: datetime
    ) -> Letter:
        """Run the report's query once and compose its mail.

        Args:
            taken: the run, with the entity if the report has a scope.
            report: to be run.
            delivery: who gets it.
            preferences: as they are now.
            now: the mail's date.

        Raises:
            QueryFailed: for good.
            ArgumentsMalformed: the run's args hold what no report takes.
            psycopg.OperationalError: for now; another attempt may succeed.
        """
        run = taken.run
        window = Window(run.nominal_at, run_interval(run.args, preferences))
        silent = report.expects_events and not self._bots_reported(run, window)
        with self._read(run, report, delivery, window) as table, tracing.span("compose report"):
            counted = report.tally if table.row_count <= MOST_COUNTED else None
            tally = tally_rows(table.file, table.columns, counted) if counted else None
            wording = word_report(
                report,
                delivery.subscription,
                preferences,
                entity=entity_of(run.scope),
                window=window,
                zone=self._settings.time_zone,
                row_count=table.row_count,
                silent=silent,
                failures=tally.failures if tally else None,
                host=self._settings.host_name,
            )
            form, message = None, None
            if table.row_count or mails_empty(report, delivery.subscription, preferences):
                form, attachment = self._attachment(run, report, delivery, table)
                findings = _Findings(table, tally, wording, window)
                view = self._view(
                    taken, report, delivery, findings, form=form, preferences=preferences, now=now
                )
                message = self._mail(run, report, delivery, view=view, attachment=attachment, now=now)
            return Letter(message, wording.subject, table.row_count, table.sha256, table.size, form, silent)

    def _bots_reported(self, run: ReportRun, window: Window) -> bool:
        with self._reports_pool.connection() as connection:
            return bots_reported(connection, window, run.scope, self._settings.statement_timeout)

    def _read(self, run: ReportRun, report: Report, delivery: Delivery, window: Window) -> Table:
        try:
            with tracing.span("query report") as span, self._reports_pool.connection() as connection:
                table = read_table(
                    connection,
                    report,
                    report.columns_shown(delivery.subscription.column_names),
                    window.parameters(run.scope),
                    timeout=self._settings.statement_timeout,
                    keep_rows=self._settings.body_rows,
                    size_limit=self._settings.size_limit,
                    byte_order_mark=self._settings.byte_order_mark,
                )
                span.note(rows=table.row_count, csv_octets=table.size)
                return table
        except psycopg.errors.QueryCanceled as error:
            raise QueryFailed(
                f"report {report.name}: its query was cancelled ({_first_line(error)}); "
                f"it may take {format_time_span(self._settings.statement_timeout)}"
            ) from error
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            raise QueryFailed(f"report {report.name}: its query failed: {_first_line(error)}") from error

    def _view(
        self,
        taken: TakenRun,
        report: Report,
        delivery: Delivery,
        findings: _Findings,
        *,
        form: Form | None,
        preferences: Preferences,
        now: datetime,
    ) -> View:
        settings, table, tally, window = self._settings, findings.table, findings.tally, findings.window
        charted = tally if preferences.charts and tally and tally.hours else None
        notes = (
            rows_note(table.row_count, len(table.first_rows), attached=form not in {None, Form.OMITTED}),
            omission_note(taken.run.run_id, settings.attachment_limit) if form is Form.OMITTED else "",
            _NO_CHART if charted and not self._draws() else "",
        )
        return View(
            wording=findings.wording,
            footer=write_footer(taken, report, delivery, window=window, now=now, settings=settings),
            columns=table.columns,
            rows=show_rows(table.columns, table.first_rows, settings.time_zone),
            notes=tuple(filter(None, notes)),
            picture=draw_chart(charted, window) if charted and self._draws() else None,
            picture_text=describe_chart(charted) if charted else "",
        )

    def _draws(self) -> bool:
        drawable = can_draw()
        if not drawable and not self._told_of_missing_charts:
            self._told_of_missing_charts = True
            _log.warning("charts are wanted and cannot be drawn", action="charts_missing", install="charts")
        return drawable

    def _mail(
        self,
        run: ReportRun,
        report: Report,
        delivery: Delivery,
        *,
        view: View,
        attachment: Attachment | None,
        now: datetime,
    ) -> bytes:
        return compose_mail(
            mail_id=mail_id_of(run),
            run_id=run.run_id,
            report=report.name,
            host=self._settings.host_name,
            date=now,
            from_=delivery.sender,
            to=delivery.recipients,
            subject=view.wording.subject,
            body=render_body(view),
            attachment=attachment,
        )

    def _attachment(
        self, run: ReportRun, report: Report, delivery: Delivery, table: Table
    ) -> tuple[Form | None, Attachment | None]:
        wanted, limit = delivery.subscription.attachment, self._settings.attachment_limit
        stem = file_stem(report.name, entity_of(run.scope), run.nominal_at)
        if not table.row_count or wanted == "none":
            return None, None
        if wanted == "xlsx":
            return attach_workbook(
                table.file,
                table.size,
                limit,
                columns=table.columns,
                row_count=table.row_count,
                title=report.title,
                stem=stem,
                nominal_at=run.nominal_at,
            )
        return attach(table.file, table.size, limit, stem=stem, nominal_at=run.nominal_at)


def mail_id_of(run: ReportRun) -> str:
    """Return the id of a run's mail: always the same, so that the relay drops a second copy."""
    return f"report.{run.run_id}"


def _first_line(error: psycopg.Error) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
