"""A real Prometheus scrapes the running house: it sees what is true, and alerts when a worker stops."""

import re
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.arrivals import Expected, expected
from demo.console import start_console
from demo.fleet import ServiceProcess
from demo.servers.rabbitmq import Broker
from services.console.sample_data.load import load_sample
from shared.broker import Topology
from shared.broker.publisher import Publisher
from shared.wire import ReportRun
from tests.acceptance.house import House, house
from tests.deploy.scraping import RULES, NoPrometheus, Prometheus, find_program, prometheus
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
_SERVICES = ("scheduler", "report_worker", "ndr_worker", "mail_relay")
#: Seconds that the bounces of the sample have waited: less than what an alert waits for.
_AGE = 120
_REFERENCE = Path(__file__).parents[2] / "docs/reference/metrics.md"


@dataclass(frozen=True)
class Watched:
    """The running house, what its sample must lead to, and a Prometheus that looks at it each second."""

    home: House
    services: dict[str, ServiceProcess]
    prometheus: Prometheus
    wanted: Expected

    def value(self, expression: str) -> float:
        """The one value of an expression now; NaN while there is none."""
        found = self.prometheus.ask(expression)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else float("nan")

    def values(self, expression: str, label: str) -> dict[str, float]:
        return {each["metric"][label]: float(each["value"][1]) for each in self.prometheus.ask(expression)}

    def names(self) -> set[str]:
        """Every metric of ours that it has."""
        found = self.prometheus.ask('count by (__name__) ({__name__=~"mailroom_.+"})')
        return {each["metric"]["__name__"] for each in found}

    def alerts(self) -> set[tuple[str, str]]:
        """Names and jobs of what fires or is about to."""
        return {
            (each["metric"]["alertname"], each["metric"].get("job", ""))
            for each in self.prometheus.ask("ALERTS")
        }

    def firing(self, name: str, label: str) -> set[str]:
        found = self.prometheus.ask(f'ALERTS{{alertstate="firing", alertname="{name}"}}')
        return {each["metric"][label] for each in found}


@pytest.fixture
def watched(database_url: str, broker: Broker, tmp_path: Path) -> Iterator[Watched]:
    _skip_without_prometheus()
    with house(database_url, broker) as home:
        load_sample(home.connection, seed=2026, scale=1, now=datetime.now(UTC))
        console = start_console(home.fleet, database_url)
        urllib.request.urlopen(f"{console.url}login/", timeout=10).close()  # noqa: S310 - the test's own
        home.connection.execute(
            "UPDATE mailroom.queue_entry SET bounced_at = now() - %s * interval '1 second'", (_AGE,)
        )
        home.schedule_reports_now()
        wanted = expected(home.connection)
        services = {name: home.fleet.start(name) for name in _SERVICES}
        jobs = {_job(service.name): service.http_port for service in home.fleet.processes}
        with prometheus(tmp_path, jobs, _impatient(RULES, tmp_path / "rules")) as running:
            yield Watched(home, services, running, wanted)


def _skip_without_prometheus() -> None:
    try:
        find_program("prometheus")
    except NoPrometheus as error:
        pytest.skip(str(error))


def _job(service: str) -> str:
    return f"mailroom-{service.replace('_', '-')}"


def _impatient(rules: Path, folder: Path) -> Path:
    """Copy the rules, with alerts that fire after two seconds of what they wait minutes for."""
    shutil.copytree(rules, folder)
    for file in folder.iterdir():
        file.write_text(re.sub(r"\bfor: \d+m", "for: 2s", file.read_text("utf-8")), "utf-8")
    return folder


def test_every_metric_is_true_and_an_alert_fires_when_a_worker_is_stopped(
    watched: Watched, publisher: Publisher, broker: Broker
) -> None:
    wanted = watched.wanted
    watched.home.catcher.wait_for(lambda mails: len(mails) >= wanted.ndrs + wanted.reports.total(), 60)
    wait_until(lambda: not untrue(watched), 30, lambda: f"these are not true: {untrue(watched)}")
    wait_until(lambda: not watched.alerts())

    unknown = ReportRun("8d7b5a0e-0000-4000-8000-000000000001", "no-such-report", datetime.now(UTC))
    publisher.publish([Topology(broker.prefix).address(unknown)])
    wait_until(lambda: watched.firing("MailroomReportsFailed", "report") == {"unknown"})
    assert watched.values("mailroom_parked_total", "reason") == {"Poison": 1}
    wait_until(lambda: watched.firing("MailroomMessagesParked", "queue") == {"parked"})
    assert documented() <= watched.names()

    watched.services["ndr_worker"].terminate()
    wait_until(lambda: watched.firing("MailroomServiceDown", "job") == {"mailroom-ndr-worker"})


def sensible(watched: Watched) -> dict[str, bool]:
    """Whether each metric of the contract says what the tables, the catcher and the clock say."""
    home, value, values = watched.home, watched.value, watched.values
    ndrs, prefix = watched.wanted.ndrs, home.broker.prefix
    queues = {"report-commands", "bounce-commands", "mail-out"}
    done = values('sum by (queue) (mailroom_commands_consumed_total{outcome="done"})', "queue")
    took = values("sum by (queue) (mailroom_command_duration_seconds_sum)", "queue")
    confirms = values("sum by (exchange) (mailroom_publish_confirm_seconds_count)", "exchange")
    runs = dict(home.rows("SELECT report, count(*) FROM mailroom.report_run GROUP BY report"))
    ((rows,),) = home.rows("SELECT coalesce(sum(row_count), 0) FROM mailroom.report_run")
    schedules = {name for (name,) in home.rows("SELECT name FROM mailroom.schedule WHERE enabled")}
    ahead = values("mailroom_schedule_next_due_timestamp_seconds - time()", "schedule")
    ago = values("time() - mailroom_schedule_last_success_timestamp_seconds", "schedule")
    oldest = value("max(max_over_time(mailroom_oldest_bounce_age_seconds[5m]))")
    sending = value("sum(mailroom_mail_delivery_seconds_sum) / sum(mailroom_mail_delivery_seconds_count)")
    return {
        "commands_consumed": done.keys() == queues and done["mail-out"] >= ndrs,
        "command_duration": took.keys() == queues and all(0 < each < 600 for each in took.values()),
        "publish_confirm": confirms.get(f"{prefix}.mail-out", 0) >= ndrs and f"{prefix}.commands" in confirms,
        "bounces_processed": value("sum(mailroom_bounces_processed_total)") == home.count("bounce_audit") > 0,
        "bounces_waiting": value("max(max_over_time(mailroom_bounces_waiting[5m]))") > 0,
        "oldest_bounce_age": _AGE <= oldest < _AGE + 60,
        "ndrs": value('sum(mailroom_ndrs_total{outcome="issued"})') == ndrs > 0,
        "reports": values("sum by (report) (mailroom_reports_total) > 0", "report") == runs,
        "no report failed": value('sum(mailroom_reports_total{outcome="failed"})') == 0,
        "report_duration": values("mailroom_report_duration_seconds_count", "report") == runs,
        "report_rows": value("sum(mailroom_report_rows_sum)") == rows > 0,
        "next_due": ahead.keys() == schedules and all(0 < each < 86_400 for each in ahead.values()),
        "last_success": ago.keys() == schedules and all(-1 < each < 120 for each in ago.values()),
        "mail_deliveries": value('mailroom_mail_deliveries_total{outcome="delivered"}') >= ndrs,
        "mail_delivery": 0 < sending < 10,
        "mail_in_doubt": value('mailroom_mail_in_doubt{job="mailroom-mail-relay"}') == 0,
        "queue_consumers": values("mailroom_queue_consumers", "queue") == dict.fromkeys(queues, 1),
        "queue_depth": values("mailroom_queue_depth", "queue").keys() > queues,
    }


def untrue(watched: Watched) -> list[str]:
    return [name for name, is_true in sensible(watched).items() if not is_true]


def documented() -> set[str]:
    """The series of every metric of the reference, a histogram's count standing for the others."""
    rows = re.findall(r"^\| `(mailroom_\w+)` \| (\w+) \|", _REFERENCE.read_text("utf-8"), re.MULTILINE)
    return {f"{name}_count" if kind == "histogram" else name for name, kind in rows}
