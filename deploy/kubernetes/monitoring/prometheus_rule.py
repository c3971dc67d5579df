#!/usr/bin/env python3
"""Writes prometheus-rule.yaml, for the Prometheus Operator, from the rules of deploy/prometheus.

Run it after a change of the rules; a test fails until it was. kustomize cannot include a file as a part of a
resource, so the same rules have to stand in two files, and only one of them is written by people.
"""

from pathlib import Path
from typing import Any

import yaml

_HERE = Path(__file__).parent
_RULES = _HERE.parents[1] / "prometheus" / "rules"
TARGET = _HERE / "prometheus-rule.yaml"
_HEADING = "# Written by prometheus_rule.py from deploy/prometheus/rules; change the rules there.\n"


class _Dumper(yaml.SafeDumper):
    """Writes expressions as they are read: one line below the other."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def prometheus_rule(rules: Path = _RULES) -> str:
    """Return the resource as YAML, with the groups of all rule files."""
    groups: list[Any] = [
        group
        for file in sorted(rules.glob("*.yml"))
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]
    ]
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "mailroom", "labels": {"app.kubernetes.io/name": "mailroom"}},
        "spec": {"groups": groups},
    }
    return _HEADING + yaml.dump(resource, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


if __name__ == "__main__":
    TARGET.write_text(prometheus_rule(), "utf-8")
