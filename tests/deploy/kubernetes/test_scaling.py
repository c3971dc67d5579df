"""When there are more pods, and that the servers can bear them."""

import pytest

from services.mail_relay import __main__ as mail_relay
from shared.broker import Topology
from shared.settings import Settings
from shared.telemetry.metrics import BOUNCES_WAITING
from tests.deploy.kubernetes.overlay import Overlay

pytestmark = pytest.mark.integration


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
