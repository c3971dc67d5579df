"""What pods may do, and where secrets are kept."""

import re
from pathlib import Path

import pytest

from tests.deploy.kubernetes.overlay import FOLDER, Overlay, copy_folder

pytestmark = pytest.mark.integration

_CREDENTIALS = re.compile(r"://[^/\s@]+:[^/\s@]+@|PRIVATE KEY|password\s*[:=]\s*\S", re.IGNORECASE)


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
