"""How pods are asked how they are, how they end, spread and begin."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.kubernetes.overlay import Overlay
from tests.deploy.kubernetes.pod_settings import settings_of

pytestmark = pytest.mark.integration

#: After the drain: what closing may take when nobody at the other end answers; see the explanation.
_MARGIN = timedelta(seconds=30)
_SERVICES = ("console", "mail-relay", "ndr-worker", "report-worker", "scheduler")


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
