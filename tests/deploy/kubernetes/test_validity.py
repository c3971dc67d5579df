"""What kubectl makes of the overlays is valid for Kubernetes and for the operators."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kubernetes_validate
import kubernetes_validate.utils as validation
import pytest
from jsonschema import Draft202012Validator

from tests.deploy.kubernetes.overlay import FOLDER, Overlay, Resource

pytestmark = pytest.mark.integration

#: The oldest Kubernetes that is still kept up to date when this was written, and the newest.
_VERSIONS = ("1.34", "1.37")


@pytest.fixture(scope="module", autouse=True)
def _schemas_are_read_once() -> Iterator[None]:
    """The library reads two files of megabytes for each resource."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "schema_contents", cache(validation.schema_contents))
        yield


def schema_of(resource: Resource) -> Draft202012Validator:
    group, version = resource["apiVersion"].split("/")
    file = FOLDER / "schemas" / f"{resource['kind'].lower()}-{group}-{version}.json"
    return Draft202012Validator(json.loads(file.read_text("utf-8")))


def is_kubernetes_own(resource: Resource) -> bool:
    group = resource["apiVersion"].rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


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
