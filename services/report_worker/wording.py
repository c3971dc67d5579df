"""The words around a report's rows: subject, level, headline, summary."""

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from services.report_worker.preferences import Preferences
from services.report_worker.report import Report
from services.report_worker.subscription import Subscription
from services.report_worker.window import Window, span_text

# Everything that could end a line: C0, DEL, C1, and Unicode's line and paragraph separators.
_LINE_BREAKERS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")

_LONGEST_SUBJECT = 400
_SILENCE = (
    "No bot at all reported anything in this window, so this report says nothing about Exchange. "
    "Please investigate: the monitoring may be down, or its events may not arrive."
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What a mail says besides its rows; every text is one line.

    Attributes:
        subject: of the mail: tags, level, headline.
        level: such as INFO.
        headline: what the report is about; the subject without tags and level.
        summary: how many rows, and of which stretch of time.
        explanation: what the rows are; without rows, what that means.
        tone: `plain`, `good` (nothing found, which is good) or `alarm` (failures, or suspicious silence).
    """

    subject: str
    level: str
    headline: str
    summary: str
    explanation: str
    tone: str


def word_report(
    report: Report,
    subscription: Subscription,
    preferences: Preferences,
    *,
    entity: str | None,
    window: Window,
    zone: ZoneInfo,
    row_count: int,
    silent: bool = False,
) -> Wording:
    """Word a report.

    Args:
        report: what was run.
        subscription: whose rewording goes before the report's own.
        preferences: with the level that reports carry.
        entity: name of the site or bot, if the report is about one.
        window: which times it is about; without a window of its own, the report is as of the window's end.
        zone: in which times are written.
        row_count: how many rows there are.
        silent: whether no bot reported anything in the window.
    """
    failures = report.level == "error_with_rows" and row_count > 0
    level = "ERROR" if failures else one_line(preferences.report_level)
    headline = _headline(report, subscription, entity, window, row_count=row_count, silent=silent)
    tags = "".join(f"[{tag}]" for tag in (one_line(part) for part in subscription.tags.split(",")) if tag)
    return Wording(
        subject=_shorten(" ".join(part for part in (tags, level, headline) if part)),
        level=level,
        headline=headline,
        summary=_summary(report, window, zone, row_count),
        explanation=_explanation(report, row_count, silent=silent),
        tone="alarm" if silent else _tone(report, row_count),
    )


def one_line(text: str) -> str:
    """Return a text fit for a header: each run of blanks, line ends and control characters is one blank."""
    return _LINE_BREAKERS.sub(" ", text).strip()


def local_time(moment: datetime, zone: ZoneInfo) -> str:
    """Return a time as a reader in `zone` knows it, with the zone's abbreviation."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def count_text(count: int, noun: str) -> str:
    """Return `no rows`, `1 row` or `1,200 rows`."""
    return f"{count or 'no':{',' if count else ''}} {noun}{'' if count == 1 else 's'}"


def _shorten(subject: str) -> str:
    """A line of a mail holds 998 characters (RFC 5322 2.1.1); nobody reads that many."""
    if len(subject) <= _LONGEST_SUBJECT:
        return subject
    return subject[:_LONGEST_SUBJECT] + "\N{HORIZONTAL ELLIPSIS}"


def _headline(
    report: Report,
    subscription: Subscription,
    entity: str | None,
    window: Window,
    *,
    row_count: int,
    silent: bool,
) -> str:
    if row_count:
        core = one_line(subscription.email_subject) or report.subject
    else:
        core = one_line(subscription.alternate_email_subject) or report.without_rows.subject
    # Mail Collector's own subjects end so; an operator who brings them along does not mean it twice.
    parts = [core.removesuffix(" over the last") if report.window else core]
    if entity is not None:
        parts.append(one_line(entity))
    if report.window:
        parts.append(f"over the last {span_text(window.length)}")
    suspicious = not row_count and (silent or report.without_rows.investigate)
    return " ".join(parts) + (": please investigate" if suspicious else "")


def _explanation(report: Report, row_count: int, *, silent: bool) -> str:
    if silent:
        return _SILENCE
    return report.explanation if row_count else report.without_rows.text


def _summary(report: Report, window: Window, zone: ZoneInfo, row_count: int) -> str:
    rows = count_text(row_count, "row").capitalize()
    if not report.window:
        return f"{rows}, as of {local_time(window.end, zone)}"
    return f"{rows}, {window_text(window, zone)}"


def window_text(window: Window, zone: ZoneInfo) -> str:
    """Return where a window begins and ends."""
    return f"from {local_time(window.start, zone)} to {local_time(window.end, zone)}"


def _tone(report: Report, row_count: int) -> str:
    if row_count:
        return "alarm" if report.level == "error_with_rows" else "plain"
    return "alarm" if report.without_rows.investigate else "good"
