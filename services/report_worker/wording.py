"""The words around a report's rows: subject, level, headline, summary."""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from services.report_worker.phrases import count_text, local_time, one_line, window_text
from services.report_worker.preferences import Preferences
from services.report_worker.report import Report
from services.report_worker.subscription import Subscription
from services.report_worker.window import Window, span_text

_LONGEST_SUBJECT = 400
_MOST_NAMED = 5
_SILENT = {
    None: "No bot at all reported anything",
    "site": "No bot of this site reported anything",
    "bot": "This bot reported nothing",
}
_SILENCE = (
    "{silent} in this window, so this report says nothing about Exchange. "
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
        warning: why the rows are not to be trusted; empty when they are.
        tone: `plain`, `good` (nothing found, which is good) or `alarm` (failures, or suspicious silence).
    """

    subject: str
    level: str
    headline: str
    summary: str
    explanation: str
    tone: str
    warning: str = ""


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
    failures: Mapping[str, int] | None = None,
    host: str = "",
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
        silent: whether no bot that the report is about reported anything in the window.
        failures: failed rows by what they are told apart by; None when nobody counted.
        host: the worker's name, a tag if the preference says so.
    """
    error = report.level == "error_with_rows" and row_count > 0
    level = "ERROR" if error else preferences.report_level
    headline = _headline(report, subscription, entity, window, row_count=row_count, silent=silent)
    return Wording(
        subject=word_subject(subscription, preferences, level, headline, host),
        level=level,
        headline=headline,
        summary=_summary(report, window, zone, row_count, failures or {}),
        explanation=_explanation(report, row_count, silent=silent),
        tone="alarm" if silent else _tone(report, row_count),
        warning=_warning(report, preferences, window, silent=silent),
    )


def word_failure(
    report: Report,
    subscription: Subscription,
    preferences: Preferences,
    *,
    entity: str | None,
    nominal: str,
    reason: str,
    host: str = "",
) -> Wording:
    """Word the notice that a report could not be made.

    Args:
        report: that failed.
        subscription: whose owners are told.
        preferences: with the level of notices.
        entity: name of the site or bot, if the report is about one.
        nominal: the nominal time, in words.
        reason: in plain words, without secrets.
        host: as for `word_report`.
    """
    headline = " ".join(filter(None, (report.title, one_line(entity or "")))) + ": could not be made"
    quiet = preferences.failure_quiet
    repeat = f"Further failures of this report are told again after {span_text(quiet)}. " if quiet else ""
    return Wording(
        subject=word_subject(subscription, preferences, preferences.default_level, headline, host),
        level=preferences.default_level,
        headline=headline,
        summary=f"As of {nominal}",
        explanation=one_line(reason),
        tone="alarm",
        warning=f"There is no report this time, which says nothing about Exchange. {repeat}".strip(),
    )


def word_subject(
    subscription: Subscription, preferences: Preferences, level: str, headline: str, host: str
) -> str:
    """Return tags in brackets, level and headline as one line of bearable length."""
    parts = [host if preferences.host_tag else "", *subscription.tags.split(",")]
    tags = "".join(f"[{tag}]" for tag in map(one_line, parts) if tag)
    return _shorten(" ".join(filter(None, (tags, level, headline))))


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
    if row_count:
        return report.explanation
    return "" if silent else report.without_rows.text


def _warning(report: Report, preferences: Preferences, window: Window, *, silent: bool) -> str:
    if silent:
        return _SILENCE.format(silent=_SILENT[report.scope])
    if report.tally and report.tally.time and window.length > preferences.expire_events:
        return (
            f"Events expire after {span_text(preferences.expire_events)}, so older ones of this window are "
            "missing from this report."
        )
    return ""


def _summary(
    report: Report, window: Window, zone: ZoneInfo, row_count: int, failures: Mapping[str, int]
) -> str:
    rows = count_text(row_count, "row").capitalize() + _failures_text(failures)
    if not report.window:
        return f"{rows}, as of {local_time(window.end, zone)}"
    return f"{rows}, {window_text(window, zone)}"


def _failures_text(failures: Mapping[str, int]) -> str:
    """Return `, 14 failures (LGH 10, Squamish 4)`, with the most frequent ones named."""
    if not failures:
        return ""
    named = [f"{one_line(name) or 'none'} {count:,}" for name, count in failures.items()][:_MOST_NAMED]
    more = len(failures) - len(named)
    others = [f"{more} more"] if more else []
    return f", {count_text(sum(failures.values()), 'failure')} ({', '.join(named + others)})"


def _tone(report: Report, row_count: int) -> str:
    if row_count:
        return "alarm" if report.level == "error_with_rows" else "plain"
    return "alarm" if report.without_rows.investigate else "good"


def rows_note(row_count: int, shown: int, *, attached: bool) -> str:
    """Return the sentence that says where the rows are; empty when there is nothing to say."""
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
    """Return the sentences that say why there is no file although there are rows, and how to get it."""
    return (
        f"The file with all rows is larger than the {limit / (1 << 20):.1f} MiB that a mail may carry, "
        f"even zipped, and was left out. To get it: mailroom reports runs --csv {run_id} > {run_id}.csv"
    )
