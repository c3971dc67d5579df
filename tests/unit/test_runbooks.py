"""Every alert has a page that says what to do, tests of both its states, and metrics that exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

_ROOT = Path(__file__).parents[2]
_RULES = sorted((_ROOT / "deploy/prometheus/rules").glob("*.yml"))
_TESTS = sorted((_ROOT / "deploy/prometheus/tests").glob("*.yml"))
_RUNBOOKS = _ROOT / "docs/runbooks"
#: What Prometheus itself says of each target.
_OF_PROMETHEUS = {"up"}
_SECTIONS = ("## How urgent", "## What to look at", "## What to do", "## How to see that it is over")


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


_ALL_RULES = [rule for path in _RULES for group in _read(path)["groups"] for rule in group["rules"]]
_ALERTS = {rule["alert"]: rule for rule in _ALL_RULES if "alert" in rule}
_RECORDED = {rule["record"] for rule in _ALL_RULES if "record" in rule}


def states_tested(alert: str) -> set[bool]:
    """Whether there are tests in which it fires, and in which it is silent."""
    return {
        bool(check["exp_alerts"])
        for path in _TESTS
        for case in _read(path)["tests"]
        for check in case["alert_rule_test"]
        if check["alertname"] == alert
    }


def documented_series() -> set[str]:
    page = (_ROOT / "docs/reference/metrics.md").read_text("utf-8")
    series = set()
    for name, kind in re.findall(r"^\| `(mailroom_\w+)` \| (\w+) \|", page, re.MULTILINE):
        series |= {f"{name}_{end}" for end in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return series


def metrics_of(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:mailroom_\w+|up)\b(?=[\[{ )]|$)", expression, re.MULTILINE))


@pytest.mark.parametrize("alert", _ALERTS)
def test_an_alert_is_tested_firing_and_silent(alert: str) -> None:
    assert states_tested(alert) == {True, False}


@pytest.mark.parametrize("alert", _ALERTS)
def test_an_alert_says_how_urgent_it_is_and_leads_to_its_page(alert: str) -> None:
    rule = _ALERTS[alert]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    base = '{{ or $externalLabels.runbooks "docs/runbooks" }}'
    assert rule["annotations"]["runbook_url"] == f"{base}/{alert}.md"
    page = (_RUNBOOKS / f"{alert}.md").read_text("utf-8")
    assert page.startswith(f"# {alert}\n")
    assert [section for section in _SECTIONS if section not in page] == []
    assert f"`{rule['labels']['severity']}`" in page


def test_every_page_belongs_to_an_alert_and_is_in_the_index() -> None:
    pages = {path.stem for path in _RUNBOOKS.glob("*.md")} - {"README"}
    listed = re.findall(r"\((Mailroom\w+)\.md\)", (_RUNBOOKS / "README.md").read_text("utf-8"))
    assert pages == set(_ALERTS)
    assert sorted(listed) == sorted(pages)


@pytest.mark.parametrize("rule", _ALL_RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_only_for_metrics_of_the_reference_and_for_recorded_ones(rule: dict[str, Any]) -> None:
    expression = rule["expr"]
    asked = metrics_of(re.sub(r"mailroom:\w+:\w+", "", expression))
    assert asked <= documented_series() | _OF_PROMETHEUS
    assert set(re.findall(r"mailroom:\w+:\w+", expression)) <= _RECORDED
    assert asked or "mailroom:" in expression


def test_alertmanager_names_only_alerts_there_are() -> None:
    text = (_ROOT / "deploy/alertmanager/alertmanager.yml").read_text("utf-8")
    assert set(re.findall(r"\bMailroom[A-Z]\w+", text)) <= set(_ALERTS)
