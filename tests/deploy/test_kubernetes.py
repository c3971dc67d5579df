"""The Kubernetes overlays: what kubectl makes of them is valid, and keeps the rules of this project."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import kubernetes_validate.utils as validation
import pytest
import yaml
from jsonschema import Draft202012Validator

from deploy.kubernetes.monitoring.prometheus_rule import TARGET, prometheus_rule
from services.mail_relay import __main__ as mail_relay
from shared.broker import Topology
from shared.settings import Settings, load_settings
from shared.telemetry.metrics import BOUNCES_WAITING
from tests.deploy.kubernetes import FOLDER, OVERLAYS, NoKubectl, Overlay, Pod, Resource, copy_folder

pytestmark = pytest.mark.integration

#: The oldest Kubernetes that is still kept up to date when this was written, and the newest.
_VERSIONS = ("1.34", "1.37")
#: After the drain: what closing may take when nobody at the other end answers; see the explanation.
_MARGIN = timedelta(seconds=30)
#: What a Secret of the production overlay holds, by the file it is mounted as.
_EXAMPLES = {
    "database_url": "postgresql://login:password@mailroom-postgres-rw.mailroom-servers.svc/mailroom",
    "reports_database_url": "postgresql://login:password@mailroom-postgres-ro.mailroom-servers.svc/mailroom",
    "amqp_url": "amqps://login:password@mailroom-rabbitmq.mailroom-servers.svc/",
    "smtp_url": "smtp+starttls://login:password@relay.example.com",
}
_CREDENTIALS = re.compile(r"://[^/\s@]+:[^/\s@]+@|PRIVATE KEY|password\s*[:=]\s*\S", re.IGNORECASE)
#: Where an operator is told what to make.
HOW_TO = FOLDER.parents[1] / "docs/how-to/run-on-kubernetes.md"
_SERVICES = ("console", "mail-relay", "ndr-worker", "report-worker", "scheduler")


@pytest.fixture(scope="module")
def overlays(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Overlay]:
    """All overlays, rendered once."""
    folder = copy_folder(tmp_path_factory.mktemp("deploy") / "kubernetes")
    try:
        return {name: Overlay.render(name, folder) for name in OVERLAYS}
    except NoKubectl as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module", autouse=True)
def _schemas_are_read_once() -> Iterator[None]:
    """The library reads two files of megabytes for each resource."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "schema_contents", cache(validation.schema_contents))
        yield


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, overlays: dict[str, Overlay]) -> Overlay:
    """Each overlay in turn."""
    return overlays[request.param]


@pytest.fixture
def production(overlays: dict[str, Overlay]) -> Overlay:
    return overlays["production"]


@pytest.fixture
def development(overlays: dict[str, Overlay]) -> Overlay:
    return overlays["development"]


def schema_of(resource: Resource) -> Draft202012Validator:
    group, version = resource["apiVersion"].split("/")
    file = FOLDER / "schemas" / f"{resource['kind'].lower()}-{group}-{version}.json"
    return Draft202012Validator(json.loads(file.read_text("utf-8")))


def is_kubernetes_own(resource: Resource) -> bool:
    group = resource["apiVersion"].rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def settings_of(pod: Pod, overlay: Overlay, folder: Path) -> Settings:
    """The settings as the pod's service reads them, its files being made in a folder."""
    folder.mkdir(parents=True)
    variables = {name: value for name, value in pod.environment().items() if name.startswith("MAILROOM_")}
    for name, value in variables.items():
        if name == "MAILROOM_CONFIG" or name.endswith("_FILE"):
            file = folder / Path(value).name
            file.write_text(content_of(value, pod, overlay), "utf-8")
            variables[name] = str(file)
    return load_settings(None, variables)


def content_of(path: str, pod: Pod, overlay: Overlay) -> str:
    """What a file of the pod holds; an example where only the operator knows."""
    if Path(path).name == "mailroom.toml":
        return str(overlay.find("ConfigMap", "mailroom-settings")["data"]["mailroom.toml"])
    kind, name, key = pod.files()[path]
    assert kind == "secret"
    held = [secret for secret in overlay.of_kind("Secret") if secret["metadata"]["name"] == name]
    return base64.b64decode(held[0]["data"][key]).decode() if held else _EXAMPLES[Path(path).name]


def policies_of(pod: Pod, overlay: Overlay, direction: str) -> Iterator[Resource]:
    for policy in overlay.of_kind("NetworkPolicy"):
        there = policy["metadata"]["namespace"] == pod.namespace
        spoken_of = direction in policy["spec"]["policyTypes"]
        if there and spoken_of and pod.is_selected_by(policy["spec"]["podSelector"]):
            yield policy


def open_ports(pod: Pod, overlay: Overlay, direction: str) -> set[int]:
    """The ports that some policy lets the pod reach, or be reached at."""
    return {
        port["port"]
        for policy in policies_of(pod, overlay, direction)
        for rule in policy["spec"].get(direction.lower(), [])
        for port in rule["ports"]
    }


# Validity


@pytest.mark.parametrize("version", _VERSIONS)
def test_every_resource_is_valid_for_kubernetes(overlay: Overlay, version: str) -> None:
    checked = [resource for resource in overlay.resources if is_kubernetes_own(resource)]
    for resource in checked:
        kubernetes_validate.validate(resource, version, strict=True)
    assert len(checked) > 30


def test_every_custom_resource_is_valid_for_its_operator(production: Overlay) -> None:
    custom = [resource for resource in production.resources if not is_kubernetes_own(resource)]
    for resource in custom:
        schema_of(resource).validate(resource)
    assert {resource["kind"] for resource in custom} == {
        "Cluster",
        "PodMonitor",
        "PrometheusRule",
        "RabbitmqCluster",
        "ScaledObject",
        "TriggerAuthentication",
    }


def test_the_development_overlay_needs_no_operator(development: Overlay) -> None:
    assert all(is_kubernetes_own(resource) for resource in development.resources)


@pytest.mark.parametrize("file", sorted((FOLDER / "schemas").glob("*.json")), ids=lambda file: file.stem)
def test_a_schema_of_ours_is_one_and_refuses_an_unknown_field(file: Path) -> None:
    schema = json.loads(file.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    api, kind = (schema["properties"][name]["const"] for name in ("apiVersion", "kind"))
    wrong = {"apiVersion": api, "kind": kind, "metadata": {"name": "a"}, "spec": {"replica": 3}}
    assert any("replica" in error.message for error in Draft202012Validator(schema).iter_errors(wrong))


def test_the_broker_cluster_spreads_as_a_pod_may(production: Overlay) -> None:
    """The affinity of a custom resource, which its compact schema leaves open, is tried on a pod."""
    affinity = production.find("RabbitmqCluster", "mailroom-rabbitmq")["spec"]["affinity"]
    spec = {"containers": [{"name": "a"}], "affinity": affinity}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
    kubernetes_validate.validate(pod, _VERSIONS[-1], strict=True)


# Security


def test_every_pod_keeps_the_restricted_pod_security_standard(overlay: Overlay) -> None:
    for pod in overlay.pods():
        assert pod.spec["securityContext"]["runAsNonRoot"] is True, pod.name
        assert pod.spec["securityContext"]["runAsUser"] > 0
        assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.spec.keys()
        assert not any("hostPath" in volume for volume in pod.spec["volumes"])
        for container in pod.containers():
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_the_namespace_enforces_it(overlay: Overlay) -> None:
    labels = overlay.find("Namespace", "mailroom")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_pod_has_a_folder_for_temporary_files_and_bounds(overlay: Overlay) -> None:
    for pod in overlay.pods():
        assert {"name": "tmp", "mountPath": "/tmp"} in pod.main["volumeMounts"]  # noqa: S108 - in the container
        for container in pod.containers():
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert container["resources"]["limits"].keys() == {"memory"}


def test_no_pod_may_talk_to_the_kubernetes_api(overlay: Overlay) -> None:
    accounts = {a["metadata"]["name"]: a for a in overlay.of_kind("ServiceAccount")}
    for pod in overlay.pods():
        assert pod.spec["automountServiceAccountToken"] is False
        assert accounts[pod.spec["serviceAccountName"]]["automountServiceAccountToken"] is False
    assert sorted(accounts) == sorted(pod.spec["serviceAccountName"] for pod in overlay.pods())


def test_no_secret_stands_in_the_repository(production: Overlay) -> None:
    assert production.of_kind("Secret") == []
    for file in FOLDER.rglob("*"):
        if file.is_file() and "secrets" not in file.parts and file.suffix in {".yaml", ".toml", ".sql"}:
            assert _CREDENTIALS.search(without_references(file.read_text("utf-8"))) is None, file


def without_references(text: str) -> str:
    """A text without its comments and without psql's variables, which name passwords and hold none."""
    return re.sub(r"^\s*(#|--|\\set).*$|PASSWORD :'\w+'", "", text, flags=re.MULTILINE)


def test_secrets_for_development_are_random_and_ignored_by_git(tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        folder = copy_folder(tmp_path / name)
        Overlay.make_secrets(folder / "overlays" / "development")
        made.append({file.name: file for file in (folder / "overlays/development/secrets").iterdir()})
    one, other = made
    same = {name for name in one if one[name].read_bytes() == other[name].read_bytes()}
    assert same == {"smtp_url"}
    assert all(file.stat().st_mode & 0o077 == 0 for file in one.values())
    assert "secrets/" in (FOLDER / "overlays/development/.gitignore").read_text("utf-8").splitlines()


# Networks


def test_nobody_talks_to_any_pod_and_no_pod_to_anybody_unless_a_policy_says_so(overlay: Overlay) -> None:
    for pod in overlay.pods():
        for direction in ("Ingress", "Egress"):
            names = {policy["metadata"]["name"] for policy in policies_of(pod, overlay, direction)}
            assert "default-deny" in names, pod.name


def test_every_service_reaches_the_servers_it_has_an_address_of_and_no_others(overlay: Overlay) -> None:
    dns = {53}
    for pod in [*overlay.services(), overlay.job()]:
        needed = set(dns)
        for name in pod.environment():
            if "DATABASE_URL" in name:
                needed |= {5432}
            elif "AMQP_URL" in name:
                needed |= {5672} if overlay.name == "development" else {5671}
            elif "SMTP_URL" in name:
                needed |= {2525} if overlay.name == "development" else {465, 587}
        assert open_ports(pod, overlay, "Egress") == needed, pod.name


def test_services_are_reached_by_prometheus_and_the_console_by_the_ingress_controller(
    production: Overlay,
) -> None:
    for pod in production.services():
        expected = {9464, 8080} if pod.name == "console" else {9464}
        assert open_ports(pod, production, "Ingress") == expected


def test_the_servers_let_nobody_in_unless_a_policy_says_so(production: Overlay) -> None:
    labels = {"postgresql": {"cnpg.io/cluster": "mailroom-postgres"}}
    labels["rabbitmq"] = {"app.kubernetes.io/name": "mailroom-rabbitmq"}
    for name, label in labels.items():
        pod = Pod(name, "mailroom-servers", {"metadata": {"labels": label}, "spec": {}})
        policies = {p["metadata"]["name"] for p in policies_of(pod, production, "Ingress")}
        assert policies == {"default-deny-ingress", name}


# Settings


def test_every_service_reads_its_settings(overlay: Overlay, tmp_path: Path) -> None:
    for pod in [*overlay.services(), overlay.job()]:
        settings = settings_of(pod, overlay, tmp_path / pod.name)
        assert settings.database_url.startswith("postgresql://")
        assert settings.log_format == "json"


def test_a_service_checks_what_it_will_run_with(overlay: Overlay) -> None:
    for pod in overlay.services():
        (check,) = pod.spec["initContainers"]
        service = pod.name.replace("-", "_")
        assert (check["args"], pod.main["args"]) == ([service, "--check"], [service])
        for what in ("image", "env", "volumeMounts"):
            assert check[what] == pod.main[what]


def test_ports_are_the_defaults_of_the_settings(overlay: Overlay, tmp_path: Path) -> None:
    for pod in overlay.services():
        settings = settings_of(pod, overlay, tmp_path / pod.name)
        ports = {port["name"]: port["containerPort"] for port in pod.main["ports"]}
        assert ports.pop("metrics") == settings.http_port == Settings.model_fields["http_port"].default
        assert ports == ({"web": settings.console.port} if pod.name == "console" else {})


def test_every_file_that_a_pod_names_is_mounted(overlay: Overlay) -> None:
    for pod in [*overlay.services(), overlay.job()]:
        for name, value in pod.environment().items():
            if name.startswith("MAILROOM_") and name.endswith("_FILE"):
                kind, _, key = pod.files()[value]
                assert (kind, key) == ("secret", "url")


def test_everything_that_is_mounted_is_there_or_the_operators_to_make(overlay: Overlay) -> None:
    there = {("configMap", c["metadata"]["name"]) for c in overlay.of_kind("ConfigMap")}
    there |= {("secret", secret["metadata"]["name"]) for secret in overlay.of_kind("Secret")}
    if overlay.name == "production":
        page = HOW_TO.read_text("utf-8")
        there |= {source for pod in overlay.pods() for source in pod.sources() if f"`{source[1]}`" in page}
    for pod in overlay.pods():
        assert pod.sources() <= there, pod.name


def test_only_those_who_need_an_address_are_given_it(overlay: Overlay) -> None:
    """Least privilege: a login for each kind of work, the owner's for the migration alone."""
    given = {
        pod.name: sorted(name.removeprefix("mailroom-") for _, name, _ in pod.files().values())
        for pod in [*overlay.services(), overlay.job()]
    }
    if overlay.name == "development":
        given = {pod: [re.sub(r"-[a-z0-9]{10}$", "", name) for name in names] for pod, names in given.items()}
    assert given == {
        "scheduler": ["broker", "database-service"],
        "report-worker": ["broker", "database-reports", "database-service"],
        "ndr-worker": ["broker", "database-service"],
        "mail-relay": ["broker", "database-service", "smtp"],
        "console": ["broker", "database-console"],
        "migration": ["database-owner"],
    }


def test_the_console_answers_to_the_name_of_its_ingress_by_tls(production: Overlay, tmp_path: Path) -> None:
    (ingress,) = production.of_kind("Ingress")
    (rule,) = ingress["spec"]["rules"]
    (console,) = [pod for pod in production.services() if pod.name == "console"]
    settings = settings_of(console, production, tmp_path / "console")
    assert settings.console.url == f"https://{rule['host']}"
    assert settings.console.address == "0.0.0.0"  # noqa: S104 - the pod's, behind a policy
    assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]


# Life and death of pods


def test_every_service_is_asked_how_it_is(overlay: Overlay) -> None:
    for pod in overlay.services():
        for probe, page in {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}.items():
            assert pod.main[f"{probe}Probe"]["httpGet"] == {"path": page, "port": "metrics"}
    for pod in overlay.pods():
        if pod.name != "migration":
            assert {"startupProbe", "livenessProbe", "readinessProbe"} <= pod.main.keys(), pod.name


def test_a_pod_has_time_to_drain_before_it_is_killed(overlay: Overlay, tmp_path: Path) -> None:
    for pod in overlay.services():
        settings = settings_of(pod, overlay, tmp_path / pod.name)
        grace = timedelta(seconds=pod.spec["terminationGracePeriodSeconds"])
        assert grace >= waited_before_sigterm(pod.main) + settings.worker.drain_timeout + _MARGIN, pod.name


def waited_before_sigterm(container: dict[str, Any]) -> timedelta:
    command = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    assert command[0] == "sleep"
    return timedelta(seconds=float(command[1]))


def test_a_report_that_has_begun_ends_within_the_drain(overlay: Overlay, tmp_path: Path) -> None:
    (worker,) = [pod for pod in overlay.services() if pod.name == "report-worker"]
    settings = settings_of(worker, overlay, tmp_path / "report-worker")
    assert settings.worker.drain_timeout > settings.reports.statement_timeout


def test_every_deployment_loses_one_pod_at_a_time_and_spreads_the_others(overlay: Overlay) -> None:
    budgets = {b["metadata"]["name"]: b["spec"] for b in overlay.of_kind("PodDisruptionBudget")}
    assert tuple(sorted(pod.name for pod in overlay.services())) == _SERVICES
    for pod in overlay.services():
        assert budgets[pod.name]["maxUnavailable"] == 1
        assert budgets[pod.name]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"  # an outage blocks no drain
        assert pod.is_selected_by(budgets[pod.name]["selector"])
        spread = {c["topologyKey"]: c["labelSelector"] for c in pod.spec["topologySpreadConstraints"]}
        assert spread.keys() == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        assert all(pod.is_selected_by(selector) for selector in spread.values())


def test_two_schedulers_and_two_consoles_never_share_a_node(production: Overlay) -> None:
    for name in ("scheduler", "console"):
        deployment = production.find("Deployment", name)
        assert deployment["spec"]["replicas"] == 2
        affinity = deployment["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]
        (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
        assert term["topologyKey"] == "kubernetes.io/hostname"
        assert deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0


def test_production_names_its_image_by_digest(production: Overlay) -> None:
    images = {container["image"] for pod in production.pods() for container in pod.containers()}
    assert len(images) == 1
    assert re.fullmatch(r".+@sha256:[0-9a-f]{64}", images.pop())


def test_the_first_pods_wait_for_the_migration(overlay: Overlay) -> None:
    job = overlay.job()
    assert job.main["args"] == ["mailroom", "db", "migrate"]
    assert job.spec["restartPolicy"] == "OnFailure"


# Scaling


def queue_triggers(overlay: Overlay) -> dict[str, dict[str, str]]:
    return {
        scaled["spec"]["scaleTargetRef"]["name"]: trigger["metadata"]
        for scaled in overlay.of_kind("ScaledObject")
        for trigger in scaled["spec"]["triggers"]
        if trigger["type"] == "rabbitmq"
    }


def test_each_worker_scales_on_its_queue_unacknowledged_messages_included(production: Overlay) -> None:
    topology = Topology()
    triggers = queue_triggers(production)
    assert {worker: trigger["queueName"] for worker, trigger in triggers.items()} == {
        "report-worker": topology.name("report-commands"),
        "ndr-worker": topology.name("bounce-commands"),
        "mail-relay": topology.name("mail-out"),
    }
    assert {trigger["queueName"] for trigger in triggers.values()} <= {q.name for q in topology.queues()}
    for trigger in triggers.values():
        assert trigger["protocol"] == "http"
        assert trigger["mode"] == "QueueLength"
        assert trigger["excludeUnacknowledged"] == "false"


def test_what_is_scaled_has_no_replicas_of_its_own(production: Overlay) -> None:
    for scaled in production.of_kind("ScaledObject"):
        deployment = production.find("Deployment", scaled["spec"]["scaleTargetRef"]["name"])
        assert "replicas" not in deployment["spec"]
        assert 2 <= scaled["spec"]["minReplicaCount"] < scaled["spec"]["maxReplicaCount"]


def test_a_full_ndr_worker_with_one_more_poll_waiting_asks_for_help(production: Overlay) -> None:
    threads = Settings.model_fields["ndr"].default.threads
    assert int(queue_triggers(production)["ndr-worker"]["value"]) == threads


def test_a_backlog_of_bounces_which_the_queue_does_not_show_asks_for_help_too(production: Overlay) -> None:
    triggers = production.find("ScaledObject", "ndr-worker")["spec"]["triggers"]
    (query,) = [t["metadata"]["query"] for t in triggers if t["type"] == "prometheus"]
    (metric,) = BOUNCES_WAITING.describe()
    assert query == f'max({metric.name}{{job="mailroom-scheduler", namespace="mailroom"}})'


def test_what_one_relay_holds_does_not_call_for_another(production: Overlay) -> None:
    connections = Settings.model_fields["relay"].default.connections
    held = mail_relay._PREFETCH_PER_THREAD * mail_relay.THREADS_PER_CONNECTION * connections
    assert int(queue_triggers(production)["mail-relay"]["value"]) >= 4 * held


def test_postgresql_has_a_connection_for_everybody_at_their_most(production: Overlay) -> None:
    """Connections that one process opens at most, by the pools of each service's `__main__`."""
    each = {"scheduler": 3, "report-worker": 5, "ndr-worker": 3, "mail-relay": 8, "console": 11}
    replicas = {
        d["metadata"]["name"]: d["spec"]["replicas"]
        for d in production.of_kind("Deployment")
        if "replicas" in d["spec"]
    }
    for scaled in production.of_kind("ScaledObject"):
        replicas[scaled["metadata"]["name"]] = scaled["spec"]["maxReplicaCount"]
    needed = sum(each[name] * count for name, count in replicas.items())
    parameters = production.find("Cluster", "mailroom-postgres")["spec"]["postgresql"]["parameters"]
    assert needed * 1.25 <= int(parameters["max_connections"])


# Watching


def test_prometheus_knows_each_service_by_the_job_that_the_rules_name(production: Overlay) -> None:
    endpoint = production.find("PodMonitor", "mailroom")["spec"]["podMetricsEndpoints"][0]
    (relabeling,) = endpoint["relabelings"]
    label = relabeling["sourceLabels"][0].removeprefix("__meta_kubernetes_pod_label_")
    jobs = {
        relabeling["replacement"].replace("$1", value)
        for pod in production.services()
        for name, value in pod.labels.items()
        if re.sub(r"\W", "_", name) == label
    }
    compose = yaml.safe_load((FOLDER.parent / "prometheus/prometheus.yml").read_text("utf-8"))
    assert jobs == {
        name for s in compose["scrape_configs"] if (name := s["job_name"]).startswith("mailroom-")
    }


def test_the_rules_in_kubernetes_are_those_of_prometheus() -> None:
    assert TARGET.read_text("utf-8") == prometheus_rule(), f"run {TARGET.parent.name}/prometheus_rule.py"
