"""What the sample must lead to, and what has arrived of it."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

from psycopg import Connection

from demo.catcher import CaughtMail
from shared.database.statements import load_statements

_SQL = load_statements("demo", "demo.sql")
#: What one mail of a report is about, by the ending of the report's name.
_SCOPES = {"-by-site": "enabled_sites", "-by-bot": "enabled_bots"}


@dataclass(frozen=True, slots=True)
class Expected:
    """What must arrive: a mail for each report (and site), and a number of NDRs."""

    reports: Counter[tuple[str, str]]
    ndrs: int
    untouched: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """One caught mail, as a line of the table."""

    kind: str
    report: str
    scope: str
    recipient: str
    subject: str
    rows: str
    message_id: str


def expected(connection: Connection) -> Expected:
    """Read from the loaded sample what must arrive."""
    names = [name for (name,) in connection.execute(_SQL["scheduled_reports"]).fetchall()]
    reports = Counter((name, scope) for name in names for scope in _scopes(connection, name))
    (ndrs,) = connection.execute(_SQL["bounced_messages"]).fetchone() or (0,)
    (untouched,) = connection.execute(_SQL["untouched_entries"]).fetchone() or (0,)
    return Expected(reports, ndrs, untouched)


def _scopes(connection: Connection, report: str) -> list[str]:
    """Every site or bot that a report sends a mail about; "" for a report without scope."""
    for ending, statement in _SCOPES.items():
        if report.endswith(ending):
            return [name for (name,) in connection.execute(_SQL[statement]).fetchall()]
    return [""]


def arrivals(mails: Iterable[CaughtMail]) -> list[Arrival]:
    """Read each mail's line of the table from the mail itself."""
    return [_arrival(mail) for mail in mails]


def _arrival(mail: CaughtMail) -> Arrival:
    message = message_from_bytes(mail.content, policy=default)
    is_ndr = message.get_content_type() == "multipart/report"
    return Arrival(
        kind="NDR" if is_ndr else "report",
        report=str(message.get("X-Mailroom-Report", "")),
        scope=_scope(str(message["Subject"])),
        recipient=", ".join(mail.rcpt_tos),
        subject=str(message["Subject"]),
        rows="" if is_ndr else _csv_rows(message),
        message_id=str(message["Message-ID"]),
    )


def _scope(subject: str) -> str:
    """The site or bot a report is about, as its subject tells a reader."""
    match = re.search(r" for (?:site|bot) (.+) over the last ", subject)
    return match[1] if match else ""


def _csv_rows(message: EmailMessage) -> str:
    """Rows of the attached CSV below its heading."""
    for part in message.iter_attachments():
        if part.get_content_type() == "text/csv":
            content = part.get_payload(decode=True)
            text = cast("bytes", content).decode("utf-8-sig")
            return str(len(list(csv.reader(io.StringIO(text, newline="")))) - 1)
    return "none"


def missing(wanted: Expected, arrived: Sequence[Arrival]) -> list[str]:
    """Say what has not arrived, or arrived more often than it should, one line each."""
    reports = Counter((arrival.report, arrival.scope) for arrival in arrived if arrival.kind == "report")
    ndrs = [arrival.message_id for arrival in arrived if arrival.kind == "NDR"]
    lines = [
        f"{report} {scope}: {reports[report, scope]} mail(s) instead of {count}"
        for (report, scope), count in sorted(wanted.reports.items())
        if reports[report, scope] != count
    ]
    lines += [
        f"{report} {scope}: not expected" for report, scope in sorted(reports.keys() - wanted.reports.keys())
    ]
    if len(ndrs) != wanted.ndrs:
        lines.append(f"{len(ndrs)} NDRs instead of {wanted.ndrs}")
    lines += [f"NDR {message_id} came {n} times" for message_id, n in Counter(ndrs).items() if n > 1]
    return lines


def leftovers(connection: Connection, wanted: Expected) -> list[str]:
    """Say what the services left undone in the database, one line each."""
    bounced, quarantined = connection.execute(_SQL["leftovers"]).fetchone() or (0, 0)
    (untouched,) = connection.execute(_SQL["untouched_entries"]).fetchone() or (0,)
    reported = connection.execute(_SQL["reported_messages"]).fetchall()
    checks = {
        f"{bounced} bounced entries are still in the queue": bounced > 0,
        f"{quarantined} entries are in quarantine": quarantined > 0,
        f"{untouched} deferred or ready entries instead of {wanted.untouched}": untouched != wanted.untouched,
        f"{len(reported)} NDRs in the audit instead of {wanted.ndrs}": len(reported) != wanted.ndrs,
    }
    return [line for line, wrong in checks.items() if wrong]
