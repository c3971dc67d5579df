"""Prometheus finds the services, with the rules it has elsewhere."""

import re

import pytest
import yaml

from deploy.kubernetes.monitoring.prometheus_rule import TARGET, prometheus_rule
from tests.deploy.kubernetes.overlay import FOLDER, Overlay

pytestmark = pytest.mark.integration


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
