"""Every service reads its settings, and what it reads is mounted."""

import re
from pathlib import Path

import pytest

from shared.settings import Settings
from tests.deploy.kubernetes.overlay import HOW_TO, Overlay
from tests.deploy.kubernetes.pod_settings import settings_of

pytestmark = pytest.mark.integration


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
