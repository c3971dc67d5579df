"""From a run to a finished mail: query, words, tables, file. Reads the monitoring data, writes nothing."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from services.report_worker.attachment import Attachment, Form, attach, file_stem
from services.report_worker.delivery import Delivery, mails_empty
from services.report_worker.mail import compose_mail
from services.report_worker.preferences import Preferences
from services.report_worker.rendering import View, render_body, show_rows
from services.report_worker.report import Report
from services.report_worker.settings import ReportSettings
from services.report_worker.table import Table, bots_reported, read_table
from services.report_worker.window import Window
from services.report_worker.wording import Wording, count_text, local_time, window_text, word_report
from shared.errors import MailroomError
from shared.wire import ReportRun


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
        silent: whether no bot reported anything in the window, so that the rows mean nothing.
    """

    message: bytes | None
    subject: str
    row_count: int
    csv_sha256: str
    csv_bytes: int
    silent: bool


class Composer:
    """Runs queries and composes mails.

    Args:
        reports_pool: connections to the monitoring data, a replica if there is one.
        settings: of the report worker.
    """

    def __init__(self, reports_pool: ConnectionPool, settings: ReportSettings) -> None:
        self._reports_pool = reports_pool
        self._settings = settings

    def compose(
        self, run: ReportRun, report: Report, delivery: Delivery, preferences: Preferences, now: datetime
    ) -> Letter:
        """Run the report's query once and compose its mail.

        Args:
            run: with the entity, if the report has a scope.
            report: to be run.
            delivery: who gets it.
            preferences: as they are now.
            now: the mail's date.

        Raises:
            QueryFailed: for good.
            psycopg.OperationalError: for now; another attempt may succeed.
        """
        window = Window(run.nominal_at, preferences.report_interval)
        silent = report.expects_events and not self._bots_reported(window)
        with self._read(run, report, delivery, window) as table:
            wording = word_report(
                report,
                delivery.subscription,
                preferences,
                entity=entity_of(run),
                window=window,
                zone=self._settings.time_zone,
                row_count=table.row_count,
                silent=silent,
            )
            wanted = table.row_count > 0 or mails_empty(report, delivery.subscription, preferences)
            message = (
                self._mail(run, report, delivery, table=table, wording=wording, window=window, now=now)
                if wanted
                else None
            )
            return Letter(message, wording.subject, table.row_count, table.sha256, table.size, silent)

    def _bots_reported(self, window: Window) -> bool:
        with self._reports_pool.connection() as connection:
            return bots_reported(connection, window, self._settings.statement_timeout)

    def _read(self, run: ReportRun, report: Report, delivery: Delivery, window: Window) -> Table:
        parameters: Mapping[str, Any] = {
            "nominal_at": window.end,
            "interval": window.length,
            **(run.scope or {}),
        }
        try:
            with self._reports_pool.connection() as connection:
                return read_table(
                    connection,
                    report,
                    report.columns_shown(delivery.subscription.columns),
                    parameters,
                    timeout=self._settings.statement_timeout,
                    keep_rows=self._settings.body_rows,
                    byte_order_mark=self._settings.byte_order_mark,
                )
        except psycopg.errors.QueryCanceled as error:
            raise QueryFailed(
                f"report {report.name}: its query was cancelled ({_first_line(error)}); "
                f"it may take {self._settings.statement_timeout}"
            ) from error
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            raise QueryFailed(f"report {report.name}: its query failed: {_first_line(error)}") from error

    def _mail(
        self,
        run: ReportRun,
        report: Report,
        delivery: Delivery,
        *,
        table: Table,
        wording: Wording,
        window: Window,
        now: datetime,
    ) -> bytes:
        form, attachment = self._attachment(run, report, delivery, table)
        zone = self._settings.time_zone
        view = View(
            wording=wording,
            columns=table.columns,
            rows=show_rows(table.columns, table.first_rows, zone),
            rows_note=rows_note(table.row_count, len(table.first_rows), attached=attachment is not None),
            attachment_note=omission_note(run.run_id, self._settings.attachment_limit)
            if form is Form.OMITTED
            else "",
            facts=(
                ("Report", f"{report.name} ({report.title})"),
                ("Subscription", delivery.subscription.name),
                ("Window", f"{window_text(window, zone)} ({zone.key})" if report.window else "none"),
                ("Generated", f"{local_time(now, zone)} on {self._settings.host_name}"),
                ("Run", run.run_id),
            ),
            mute_command=shlex.join(["mailroom", "subscriptions", "mute", delivery.subscription.name]),
        )
        return compose_mail(
            run_id=run.run_id,
            report=report.name,
            host=self._settings.host_name,
            date=now,
            from_=delivery.sender,
            to=delivery.recipients,
            subject=wording.subject,
            body=render_body(view),
            attachment=attachment,
        )

    def _attachment(
        self, run: ReportRun, report: Report, delivery: Delivery, table: Table
    ) -> tuple[Form | None, Attachment | None]:
        if not table.row_count or delivery.subscription.attachment == "none":
            return None, None
        stem = file_stem(report.name, entity_of(run), run.nominal_at)
        limit = self._settings.attachment_limit
        return attach(table.file, table.size, limit, stem=stem, nominal_at=run.nominal_at)


def entity_of(run: ReportRun) -> str | None:
    """Return the name of the site or bot that a run is about, if it is about one."""
    return next(iter(run.scope.values())) if run.scope else None


def rows_note(row_count: int, shown: int, *, attached: bool) -> str:
    """Return the sentence that says where the rows are."""
    if not row_count:
        return ""
    shown_part = (
        f"The first {shown:,} of {count_text(row_count, 'row')} are shown. " if 0 < shown < row_count else ""
    )
    attached_part = ""
    if attached and row_count == 1:
        attached_part = "The row is in the attachment, too."
    elif attached:
        attached_part = f"All {count_text(row_count, 'row')} are in the attachment."
    return (shown_part + attached_part).strip()


def omission_note(run_id: str, limit: int) -> str:
    """Return the sentence that says why there is no file although there are rows."""
    return (
        f"The file with all rows is larger than the {limit / (1 << 20):.1f} MiB that a mail may carry, "
        f"even zipped, and was left out. Ask an administrator for the rows of run {run_id}."
    )


def _first_line(error: psycopg.Error) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
