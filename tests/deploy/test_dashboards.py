"""The dashboards: what is kept is what the code gives, and every metric and label is one that is exposed."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pika
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

from demo.console import start_console
from demo.fleet import ServiceProcess
from demo.servers.rabbitmq import Broker
from deploy.grafana.generate import alerts
from deploy.grafana.generate.files import FOLDER, rendered
from deploy.grafana.generate.overview import SERVICES
from deploy.grafana.generate.page import DATA_SOURCE_UID
from tests.acceptance.house import IMPATIENT, House, house
from tests.deploy.promql import asked
from tests.deploy.scraping import RULES, NoPrometheus, Prometheus, find_program, prometheus
from tests.migrated import MigratedDatabases
from tests.servers import names_of_ones_own
from tests.waiting import wait_until

FILES = sorted(FOLDER.glob("*.json"))
DASHBOARDS: dict[str, dict[str, Any]] = {file.stem: json.loads(file.read_text("utf-8")) for file in FILES}
PROVISIONING = FOLDER.parent / "provisioning"

#: Metrics that others expose, with the labels that dashboards use. Seen on RabbitMQ 3.10.8, on Debian's
#: prometheus-postgres-exporter 0.11.1 and on Prometheus 2.42.
EXPOSED_BY_OTHERS: Mapping[str, Mapping[str, set[str]]] = {
    "Prometheus": {
        "up": set(),
        "ALERTS": {"alertname", "alertstate"},
        "ALERTS_FOR_STATE": {"alertname"},
    },
    "RabbitMQ, /metrics": {
        "rabbitmq_alarms_free_disk_space_watermark": set(),
        "rabbitmq_alarms_memory_used_watermark": set(),
        "rabbitmq_channels": set(),
        "rabbitmq_connections": set(),
        "rabbitmq_disk_space_available_bytes": set(),
        "rabbitmq_disk_space_available_limit_bytes": set(),
        "rabbitmq_process_resident_memory_bytes": set(),
        "rabbitmq_resident_memory_limit_bytes": set(),
    },
    "RabbitMQ, /metrics/detailed": {
        "rabbitmq_detailed_queue_consumers": {"queue"},
        "rabbitmq_detailed_queue_messages_unacked": {"queue"},
    },
    "postgres_exporter": {
        "pg_database_size_bytes": {"datname"},
        "pg_settings_max_connections": set(),
        "pg_stat_activity_count": {"datname", "state"},
        "pg_stat_activity_max_tx_duration": {"datname"},
        "pg_stat_database_blks_hit": {"datname"},
        "pg_stat_database_blks_read": {"datname"},
        "pg_stat_database_deadlocks": {"datname"},
        "pg_stat_database_xact_commit": {"datname"},
        "pg_stat_database_xact_rollback": {"datname"},
    },
}
OTHERS = {name: labels for exporter in EXPOSED_BY_OTHERS.values() for name, labels in exporter.items()}
#: Prometheus puts these on every series that it scrapes.
TARGET = {"job", "instance"}
#: Without a value while all is well, or in a house that has just been opened.
SILENT = {
    "ALERTS",
    "ALERTS_FOR_STATE",
    "mailroom:console_request_errors:ratio10m",  # no page has answered with an error
    "mailroom:schedule_last_due_timestamp_seconds:max",  # known a minute after the start
}


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            yield name, panel


def expressions() -> list[str]:
    """Every expression of every panel, and what the choices at the top ask for."""
    own = {target["expr"] for _, panel in panels() for target in panel.get("targets", ())}
    choices = {
        match[1]
        for dashboard in DASHBOARDS.values()
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
        and (match := re.fullmatch(r"label_values\((.*), \w+\)", variable["query"]["query"]))
    }
    return sorted(own | choices)


def filled_in(expression: str) -> str:
    """An expression as Grafana sends it, with everything chosen."""
    for variable, value in {"$__rate_interval": "10s", "$__range": "1m", "$prefix": "mailroom"}.items():
        expression = expression.replace(variable, value)
    return re.sub(r"\$\w+", ".*", expression)


def rules() -> list[dict[str, Any]]:
    groups = [
        group for file in RULES.glob("*.yml") for group in yaml.safe_load(file.read_text("utf-8"))["groups"]
    ]
    return [rule for group in groups for rule in group["rules"]]


def test_the_kept_files_are_what_the_code_gives() -> None:
    kept = {file.name: file.read_text("utf-8") for file in FILES}
    assert kept == rendered(), "run: make dashboards"


def test_addresses_never_change() -> None:
    assert {name: dashboard["uid"] for name, dashboard in DASHBOARDS.items()} == {
        "broker_and_database": "mailroom-broker-and-database",
        "ndrs": "mailroom-ndrs",
        "overview": "mailroom-overview",
        "relay": "mailroom-relay",
        "reports": "mailroom-reports",
    }


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafana_can_import_it(name: str) -> None:
    register_default_plugins()
    dashboard = DASHBOARDS[name]
    read_back = json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))
    assert read_back == dashboard
    # no number of its own: an import would look for that dashboard; and an older schema would be converted
    assert "id" not in dashboard
    assert dashboard["schemaVersion"] >= 36


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_neither_overlap_nor_share_a_number_nor_stick_out(name: str) -> None:
    shown = DASHBOARDS[name]["panels"]
    assert len({panel["id"] for panel in shown}) == len(shown)
    for panel in shown:
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    for one, other in combinations((panel["gridPos"] for panel in shown), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


def test_every_panel_says_what_it_shows_and_in_which_unit() -> None:
    for name, panel in panels():
        if panel["type"] == "row":
            continue
        assert panel["title"], name
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        units = [panel["fieldConfig"]["defaults"].get("unit")] + [
            known["value"]
            for override in panel["fieldConfig"]["overrides"]
            for known in override["properties"]
            if known["id"] == "unit"
        ]
        assert any(units), panel["title"]


def test_the_data_source_of_the_dashboards_is_the_one_that_is_provided() -> None:
    (provided,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text("utf-8"))[
        "datasources"
    ]
    assert (provided["type"], provided["uid"]) == ("prometheus", DATA_SOURCE_UID)
    for dashboard in DASHBOARDS.values():
        (chosen,) = (each for each in dashboard["templating"]["list"] if each["type"] == "datasource")
        assert chosen["current"]["value"] == DATA_SOURCE_UID


def test_links_lead_to_dashboards_that_are_there() -> None:
    addresses = {dashboard["uid"] for dashboard in DASHBOARDS.values()}
    linked = {
        match[1]
        for _, panel in panels()
        for link in panel.get("links") or ()
        if (match := re.match(r"/d/([\w-]+)\?", link["url"]))
    }
    assert linked
    assert linked <= addresses


def test_panels_turn_red_where_alerts_fire() -> None:
    fired = {rule["alert"]: rule["expr"] for rule in rules() if "alert" in rule}
    shown = [alert for alert in vars(alerts).values() if isinstance(alert, alerts.Alert)]
    assert len(shown) > 10
    for alert in shown:
        compared = re.findall(r"(?:[<>]|[=!]=) (?:time\(\) - )?([\d.]+)", fired[alert.name])
        assert f"{alert.bound:g}" in compared or alert.name == "MailroomDatabaseAway", alert


def test_every_runbook_that_is_linked_is_there() -> None:
    pages = Path(__file__).parents[2] / "docs" / "runbooks"
    linked = re.findall(r"\$\{runbooks\}/(\w+\.md)", "".join(file.read_text("utf-8") for file in FILES))
    assert linked
    assert [page for page in linked if not (pages / page).exists()] == []


def test_the_page_about_them_names_each() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "dashboards.md").read_text("utf-8")
    assert set(re.findall(r"`/d/([\w-]+)`", page)) == {each["uid"] for each in DASHBOARDS.values()}


def test_jobs_are_called_as_in_the_rules() -> None:
    text = (RULES / "alerts.yml").read_text("utf-8")
    assert [job for job in SERVICES if f'up{{job="{job}"}}' not in text] == []


@pytest.mark.integration
def test_every_expression_can_be_read_by_prometheus(tmp_path: Path) -> None:
    try:
        promtool = find_program("promtool")
    except NoPrometheus as missing:
        pytest.skip(str(missing))
    recorded = [
        {"record": f"dashboard:{number}", "expr": filled_in(expression)}
        for number, expression in enumerate(expressions())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": recorded}]}), "utf-8")
    checked = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr.decode()


@pytest.fixture(scope="module")
def home(migrated_databases: MigratedDatabases, virtual_host: Broker) -> Iterator[House]:
    """Every service running, the reports run, one message parked and one page asked for."""
    with (
        migrated_databases.fresh() as url,
        names_of_ones_own(virtual_host) as broker,
        house(url, broker, {**IMPATIENT, "MAILROOM_RETENTION__INTERVAL": "1s"}) as home,
    ):
        # before the scheduler's first round, whose look at what fired is followed by the next only 15 s later
        home.schedule_reports_now()
        for name in ("scheduler", "report_worker", "ndr_worker", "mail_relay"):
            home.fleet.start(name)
        console = start_console(home.fleet, url)
        _publish_what_nobody_can_read(home)
        urlopen(f"{console.url}login/", timeout=10).close()  # noqa: S310 - its own
        wait_until(lambda: _settled(home), 30)
        yield home


def _publish_what_nobody_can_read(home: House) -> None:
    with pika.BlockingConnection(pika.URLParameters(home.broker.amqp_url)) as connection:
        connection.channel().basic_publish(f"{home.broker.prefix}.commands", "report.run", b"?")


def _settled(home: House) -> bool:
    told = {service.name: service.metrics() for service in home.fleet.processes}
    return (
        "mailroom_report_rows_count{" in told["report_worker"]
        and "mailroom_parked_total{" in told["report_worker"]
        and "mailroom_queue_depth{" in told["scheduler"]
        and "mailroom_schedule_last_success_timestamp_seconds{" in told["scheduler"]
    )


def exposed(services: list[ServiceProcess]) -> dict[str, set[str]]:
    """Every metric of the running services with its labels."""
    found: dict[str, set[str]] = {}
    for service in services:
        for family in text_string_to_metric_families(service.metrics()):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.integration
@pytest.mark.timeout(120)
def test_every_metric_and_label_is_exposed_by_a_live_service(home: House) -> None:
    recorded = {rule["record"]: asked(rule["expr"]) for rule in rules() if "record" in rule}
    kept = set().union(*(rule.grouping for rule in recorded.values()))
    known = exposed(home.fleet.processes) | OTHERS | dict.fromkeys(recorded, kept)
    for expression in expressions():
        question = asked(expression)
        assert question.names <= set(known), f"nobody exposes {question.names - set(known)}"
        for name, labels in question.metrics:
            assert labels <= known[name] | TARGET, f"{name} has no {labels - known[name]}: {expression}"
        had = TARGET.union(*(known[name] for name in question.names))
        assert question.grouping <= had, f"nothing to group by {question.grouping - had}: {expression}"
    assert set(OTHERS) <= {name for expression in expressions() for name in asked(expression).names}


@pytest.fixture(scope="module")
def scraped(home: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    ports = {f"mailroom-{each.name.replace('_', '-')}": each.http_port for each in home.fleet.processes}
    with prometheus(tmp_path_factory.mktemp("prometheus"), ports) as running:
        yield running


@pytest.mark.integration
@pytest.mark.timeout(120)
def test_every_panel_about_mailroom_shows_something(home: House, request: pytest.FixtureRequest) -> None:
    try:
        find_program("prometheus")
    except NoPrometheus as missing:
        pytest.skip(str(missing))
    scraped: Prometheus = request.getfixturevalue("scraped")
    own = [text for text in expressions() if not asked(text).names & (set(OTHERS) - {"up"} | SILENT)]
    assert len(own) > 50

    def empty() -> list[str]:
        return [expression for expression in own if not scraped.ask(filled_in(expression))]

    wait_until(lambda: not empty(), 30, lambda: "\n".join(empty()))
    for expression in expressions():
        scraped.ask(filled_in(expression))  # raises where series do not match one to one
    assert sum(float(series["value"][1]) for series in scraped.ask("up")) == len(SERVICES)
