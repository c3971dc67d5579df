"""Reports: is one overdue, did one fail, how long do they take?"""

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.generate import alerts
from deploy.grafana.generate.page import Panel, choice, page
from deploy.grafana.generate.panels import graph, listing, number, row
from deploy.grafana.generate.queries import Query, count, per_second, quantile, quantiles, series, total
from deploy.grafana.generate.schedules import LAST_SUCCESS, NEXT_DUE, OVERDUE

_CHOSEN = 'report=~"$report"'
_COMMANDS = 'queue="report-commands"'
_RUNS = series("mailroom_reports_total", _CHOSEN)
_FAILED = series("mailroom_reports_total", 'outcome="failed"')


def dashboard() -> Dashboard:
    """Build it."""
    return page(
        "reports",
        "Which schedules are due or overdue, when each last fired, how runs ended and how long they took.",
        [*_schedules(), row("Runs"), *_runs(), row("Commands"), *_commands()],
        variables=[choice("report", "Report", "label_values(mailroom_reports_total, report)")],
        since="now-24h",
    )


def overdue(leads_to: str = "", width: int = 6) -> Panel:
    """Tell how many schedules did not fire."""
    return number(
        "Schedules overdue",
        f"count({OVERDUE} > {alerts.FIRING_MISSED.bound:g}) or 0 * count({NEXT_DUE})",
        meaning="Enabled schedules whose time came and that did not fire. No number: no scheduler tells.",
        alert=alerts.FIRING_MISSED,
        bad_from=1,
        leads_to=leads_to,
        width=width,
    )


def failed(leads_to: str = "", width: int = 6) -> Panel:
    """Tell how many runs failed."""
    return number(
        "Runs failed",
        total(_FAILED),
        meaning="Report runs that failed in the time shown. The console shows the error of each.",
        alert=alerts.REPORTS_FAILED,
        leads_to=leads_to,
        width=width,
    )


def _schedules() -> Iterator[Panel]:
    yield overdue()
    yield failed()
    yield number(
        "Next firing",
        f"min({NEXT_DUE}) * 1000",
        meaning="When the next of all enabled schedules fires.",
        unit="dateTimeFromNow",
        width=6,
    )
    yield number(
        "Scheduler's last round",
        "time() - max(mailroom_scheduler_last_round_timestamp_seconds)",
        meaning="How long ago it was. There is one each second.",
        unit="s",
        alert=alerts.SCHEDULER_SILENT,
        width=6,
    )
    yield listing(
        "Schedules",
        ("Next due", f"{NEXT_DUE} * 1000", "dateTimeFromNow"),
        ("Last success", f"{LAST_SUCCESS} * 1000", "dateTimeFromNow"),
        ("Overdue", OVERDUE, "s"),
        by="schedule",
        meaning="Success: the broker confirmed the commands. What came of the runs is below.",
        sort_by="Overdue",
    )


def _runs() -> Iterator[Panel]:
    yield graph(
        "Runs, by outcome",
        Query(count(_RUNS, "outcome"), "{{outcome}}"),
        meaning="Stale: no bot that the report is about reported anything. Skipped: disabled or muted.",
        stacked=True,
        bars=True,
        width=24,
    )
    duration = series("mailroom_report_duration_seconds_bucket", _CHOSEN)
    yield listing(
        "Runs, by report",
        ("Runs", total(_RUNS, "report"), "short"),
        ("Failed", total(series("mailroom_reports_total", _CHOSEN, 'outcome="failed"'), "report"), "short"),
        ("p50", quantile(0.5, duration, "report"), "s"),
        ("p95", quantile(0.95, duration, "report"), "s"),
        ("Rows, mean", _mean("mailroom_report_rows", "report"), "short"),
        by="report",
        meaning="Runs: in the time shown. Durations and rows: since the workers started, as runs are few.",
        sort_by="p95",
        height=11,
    )


def _commands() -> Iterator[Panel]:
    yield graph(
        "Commands taken, by outcome",
        Query(per_second(series("mailroom_commands_consumed_total", _COMMANDS), "outcome"), "{{outcome}}"),
        meaning="Commands to run a report that workers took from the queue.",
        unit="ops",
        stacked=True,
    )
    yield graph(
        "Time for a command",
        *quantiles("mailroom_command_duration_seconds", _COMMANDS),
        meaning="From taking a command to having published its mails.",
        unit="s",
    )


def _mean(histogram: str, by: str) -> str:
    values, number_of_values = (
        f"sum by ({by}) ({series(f'{histogram}_{part}', _CHOSEN)})" for part in ("sum", "count")
    )
    return f"{values} / {number_of_values}"
