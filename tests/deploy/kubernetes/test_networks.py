"""Who may talk to whom."""

from collections.abc import Iterator

import pytest

from tests.deploy.kubernetes.overlay import Overlay, Pod, Resource

pytestmark = pytest.mark.integration


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
