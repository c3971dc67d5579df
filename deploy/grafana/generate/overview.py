"""Overview: is Mailroom well, and if not, where is it not?"""

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.generate import alerts, broker_and_database, ndrs, relay, reports
from deploy.grafana.generate.alerts import runbook
from deploy.grafana.generate.page import Panel, choice, page
from deploy.grafana.generate.panels import CLICKED, DataLink, graph, listing, number, row
from deploy.grafana.generate.queries import RANGE, Query, count, per_second, quantiles, series

#: As `job`, in any Prometheus: the alert rules know services by these names.
SERVICES = (
    "mailroom-scheduler",
    "mailroom-report-worker",
    "mailroom-ndr-worker",
    "mailroom-mail-relay",
    "mailroom-console",
)
_SERVICE = ('job=~"$job"', 'instance=~"$instance"')
_EACH = "{{job}} {{instance}}"


def dashboard() -> Dashboard:
    """Build it."""
    return page(
        "overview",
        "Whether Mailroom is well: alerts, what is overdue, waits or failed, and how the processes fare.",
        [*_now(), *_flow(), row("Processes"), *_processes(), row("Console"), *_console()],
        variables=[
            # every service has this metric, and nothing else has it
            choice("job", "Service", "label_values(mailroom_broker_blocked, job)"),
            choice("instance", "Instance", 'label_values(mailroom_broker_blocked{job=~"$job"}, instance)'),
        ],
    )


def _now() -> Iterator[Panel]:
    yield number(
        "Services down",
        f'{len(SERVICES)} - (count(sum by (job) (up{{job=~"{"|".join(SERVICES)}"}}) > 0) or vector(0))',
        meaning="Services of which Prometheus reaches no replica.",
        alert=alerts.SERVICE_DOWN,
        width=3,
    )
    yield reports.overdue(leads_to="reports", width=3)
    yield reports.failed(leads_to="reports", width=3)
    yield number(
        "Oldest bounce",
        ndrs.OLDEST,
        meaning="How long the oldest bounced entry has been waiting for its NDR.",
        unit="s",
        alert=alerts.BOUNCES_WAITING,
        leads_to="ndrs",
        width=3,
    )
    yield relay.in_doubt(leads_to="relay", width=3)
    yield broker_and_database.parked(leads_to="broker-and-database", width=3)
    yield relay.server_usable(width=2)
    yield broker_and_database.broker_blocked(width=2)
    yield broker_and_database.database(width=2)
    firing = 'ALERTS{alertname=~"Mailroom.*", alertstate="firing"}'
    since = 'ALERTS_FOR_STATE{alertname=~"Mailroom.*"}'
    yield listing(
        "Alerts",
        ("Firing", f"count by (alertname) ({firing})", "short"),
        ("Condition since", f"min by (alertname) ({since}) * 1000", "dateTimeFromNow"),
        by="alertname",
        meaning="Rules whose condition holds; the number only of those that fire already.",
        sort_by="Firing",
        link=DataLink("Runbook", runbook(CLICKED)),
        height=6,
    )


def _flow() -> Iterator[Panel]:
    yield graph(
        "Report runs, by outcome",
        Query(count("mailroom_reports_total", "outcome"), "{{outcome}}"),
        meaning="Runs that finished.",
        stacked=True,
        bars=True,
        width=8,
    )
    yield graph(
        "NDRs, by outcome",
        Query(count("mailroom_ndrs_total", "outcome"), "{{outcome}}"),
        meaning="Issued: confirmed by the broker.",
        stacked=True,
        bars=True,
        width=8,
    )
    yield graph(
        "Deliveries, by outcome",
        Query(per_second("mailroom_mail_deliveries_total", "outcome"), "{{outcome}}"),
        meaning="Attempts, per recipient.",
        unit="ops",
        stacked=True,
        width=8,
    )


def _processes() -> Iterator[Panel]:
    yield graph(
        "Up",
        Query(series("up", *_SERVICE), _EACH),
        meaning="1: Prometheus reaches it.",
        width=8,
    )
    yield graph(
        "Memory",
        Query(series("process_resident_memory_bytes", *_SERVICE), _EACH),
        meaning="Resident memory.",
        unit="bytes",
        width=8,
    )
    yield graph(
        "CPU",
        Query(per_second(series("process_cpu_seconds_total", *_SERVICE), "job, instance"), _EACH),
        meaning="Share of one processor.",
        unit="percentunit",
        width=8,
    )
    yield graph(
        "Open files",
        Query(f"{series('process_open_fds', *_SERVICE)} / {series('process_max_fds', *_SERVICE)}", _EACH),
        meaning="Share of the most that the process may open.",
        unit="percentunit",
        width=12,
    )
    yield graph(
        "Restarts",
        Query(f"changes({series('process_start_time_seconds', *_SERVICE)}[{RANGE}])", _EACH),
        meaning="In as much time before each moment as is shown, at the same address.",
        width=12,
    )


def _console() -> Iterator[Panel]:
    yield graph(
        "Requests, by status",
        Query(per_second("mailroom_console_requests_total", "status"), "{{status}}"),
        meaning="Pages of the web console, static files aside.",
        unit="reqps",
        stacked=True,
        width=8,
    )
    yield graph(
        "Errors",
        Query("mailroom:console_request_errors:ratio10m", "share of answers"),
        meaning="The console's own errors (5xx), in 10 minutes. None: nobody asked for a page.",
        unit="percentunit",
        alert=alerts.CONSOLE_ERRORS,
        width=8,
    )
    yield graph(
        "Time for a request",
        *quantiles("mailroom_console_request_duration_seconds"),
        meaning="Pages of the web console, static files aside.",
        unit="s",
        width=8,
    )
