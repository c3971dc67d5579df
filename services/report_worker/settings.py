"""What the report worker is told at start-up."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self
from zoneinfo import ZoneInfo

from shared.settings import Settings

_VANCOUVER = ZoneInfo("America/Vancouver")


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """Settings of the report worker.

    Attributes:
        host_name: right side of Message-IDs; fully qualified.
        time_zone: in which bodies write times.
        body_rows: how many rows the body shows; the attachment has all.
        byte_order_mark: whether CSV files begin with one; spreadsheets need it to see UTF-8.
        statement_timeout: after which PostgreSQL cancels a report's query.
        lease: how long a run belongs to the worker that took it; well above `statement_timeout`.
        size_limit: most bytes of CSV that a report may have; one with more fails.
        attachment_limit: most bytes an attachment may take in the mail, encoded.
        inline_limit: bytes of a mail above which it travels as a reference into PostgreSQL.
        mail_lifetime: after which the relay gives up an undelivered report.
    """

    host_name: str
    time_zone: ZoneInfo = _VANCOUVER
    body_rows: int = 100
    byte_order_mark: bool = True
    statement_timeout: timedelta = timedelta(minutes=5)
    lease: timedelta = timedelta(minutes=10)
    size_limit: int = 2 << 30
    attachment_limit: int = 10 << 20
    inline_limit: int = 256 << 10
    mail_lifetime: timedelta = timedelta(days=2)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what the report worker needs of the settings."""
        reports = settings.reports
        return cls(
            host_name=settings.host_name,
            time_zone=ZoneInfo(reports.time_zone),
            body_rows=reports.body_rows,
            byte_order_mark=reports.csv_bom,
            statement_timeout=reports.statement_timeout,
            lease=reports.lease,
            attachment_limit=reports.attachment_limit,
            inline_limit=reports.inline_limit,
            mail_lifetime=reports.lifetime,
        )
