"""The Kubernetes overlays as kubectl renders them, and what tests ask of the resources."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from shared.errors import MailroomError
from tests import debian_packages

FOLDER = Path(__file__).parents[3] / "deploy" / "kubernetes"
#: Where an operator is told what to make.
HOW_TO = FOLDER.parents[1] / "docs/how-to/run-on-kubernetes.md"
OVERLAYS = ("development", "production")

#: What has pods, and where in it their template stands.
_WORKLOADS = ("Deployment", "StatefulSet", "Job")

Resource = dict[str, Any]


class NoKubectl(MailroomError):
    """There is no kubectl."""


def find_kubectl() -> str:
    """Return the path of kubectl, which is installed where that is allowed.

    Raises:
        NoKubectl: it is not installed, and may not be installed here.
    """
    if shutil.which("kubectl") is None and debian_packages.may_install():
        debian_packages.install("kubernetes-client")
    if (program := shutil.which("kubectl")) is None:
        raise NoKubectl("kubectl is not on PATH (Debian: apt install kubernetes-client)")
    return program


@dataclass(frozen=True)
class Overlay:
    """The resources of one overlay, rendered.

    Attributes:
        name: of its folder.
        resources: in kubectl's order.
    """

    name: str
    resources: tuple[Resource, ...]

    @classmethod
    def render(cls, name: str, folder: Path) -> "Overlay":
        """Render an overlay of a copy of deploy/kubernetes, with Secrets made for it."""
        overlay = folder / "overlays" / name
        cls.make_secrets(overlay)
        command = [find_kubectl(), "kustomize", str(overlay)]
        rendered = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        return cls(name, tuple(yaml.safe_load_all(rendered.stdout)))

    @staticmethod
    def make_secrets(overlay: Path) -> None:
        """Run the overlay's own script for it, if it has one."""
        if (maker := overlay / "make-secrets").exists():
            subprocess.run([maker], check=True, capture_output=True)

    def of_kind(self, *kinds: str) -> list[Resource]:
        """Return the resources of some kinds."""
        return [resource for resource in self.resources if resource["kind"] in kinds]

    def find(self, kind: str, name: str) -> Resource:
        """Return the one resource of a kind and name."""
        (found,) = [
            resource
            for resource in self.of_kind(kind)
            if resource["metadata"]["name"] == name or _without_suffix(resource) == name
        ]
        return found

    def pods(self) -> list["Pod"]:
        """Return the pods of every workload."""
        return [
            Pod(resource["metadata"]["name"], resource["metadata"]["namespace"], resource["spec"]["template"])
            for resource in self.of_kind(*_WORKLOADS)
        ]

    def services(self) -> list["Pod"]:
        """Return the pods of Mailroom's five services."""
        names = {deployment["metadata"]["name"] for deployment in self.of_kind("Deployment")}
        return [pod for pod in self.pods() if pod.name in names]

    def job(self) -> "Pod":
        """Return the pod of the migration."""
        (pod,) = [pod for pod in self.pods() if pod.name == "migration"]
        return pod


@dataclass(frozen=True)
class Pod:
    """A pod as its workload describes it.

    Attributes:
        name: of the workload.
        namespace: where it runs.
        template: labels and spec.
    """

    name: str
    namespace: str
    template: Resource

    @property
    def spec(self) -> Resource:
        spec: Resource = self.template["spec"]
        return spec

    @property
    def labels(self) -> dict[str, str]:
        labels: dict[str, str] = self.template["metadata"]["labels"]
        return labels

    @property
    def main(self) -> Resource:
        """The container that does the work."""
        (container,) = self.spec["containers"]
        return dict(container)

    def containers(self) -> Iterator[Resource]:
        """Yield every container, those that run before the main one too."""
        yield from self.spec.get("initContainers", [])
        yield from self.spec["containers"]

    def files(self) -> dict[str, tuple[str, str, str]]:
        """Return what is behind each file that the main container sees: kind, name and key."""
        volumes = {volume["name"]: volume for volume in self.spec["volumes"]}
        return {
            f"{mount['mountPath']}/{path}": source
            for mount in self.main["volumeMounts"]
            for path, source in _files_of(volumes.get(mount["name"], {}))
        }

    def sources(self) -> set[tuple[str, str]]:
        """Return kind and name of every ConfigMap and Secret that is mounted."""
        return {
            (kind, source[kind].get("name") or source[kind]["secretName"])
            for volume in self.spec["volumes"]
            for source in [volume, *volume.get("projected", {}).get("sources", [])]
            for kind in ("configMap", "secret")
            if kind in source
        }

    def environment(self) -> dict[str, str]:
        """Return the main container's variables."""
        return {variable["name"]: variable["value"] for variable in self.main.get("env", [])}

    def is_selected_by(self, selector: Resource) -> bool:
        """Tell whether a label selector takes this pod."""
        if not selector.get("matchLabels", {}).items() <= self.labels.items():
            return False
        return all(self._satisfies(condition) for condition in selector.get("matchExpressions", []))

    def _satisfies(self, condition: Resource) -> bool:
        among = self.labels.get(condition["key"]) in condition["values"]
        return {"In": among, "NotIn": not among}[condition["operator"]]


def _files_of(volume: Resource) -> Iterator[tuple[str, tuple[str, str, str]]]:
    sources = volume.get("projected", {}).get("sources") or [
        {kind: volume[kind]} for kind in ("configMap", "secret") if kind in volume
    ]
    for source in sources:
        for kind, content in source.items():
            name = content.get("name") or content["secretName"]
            for item in content.get("items", []):
                yield item["path"], (kind, name, item["key"])


def _without_suffix(resource: Resource) -> str:
    """The name before kustomize added a hash of the content."""
    name: str = resource["metadata"]["name"]
    return name.rpartition("-")[0] if resource["kind"] in {"ConfigMap", "Secret"} else name


def copy_folder(target: Path) -> Path:
    """Copy deploy/kubernetes, without Secrets that somebody made in it."""
    shutil.copytree(FOLDER, target, ignore=shutil.ignore_patterns("secrets", "__pycache__"))
    return target
