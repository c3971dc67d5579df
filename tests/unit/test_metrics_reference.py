"""The metrics page has every metric, with its type and labels."""

import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from shared.telemetry import metrics

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"^\| `(?P<name>mailroom_\w+)` \| (?P<kind>\w+) \| (?P<labels>[^|]*) \|", re.MULTILINE)


def metrics_in_code() -> set[tuple[str, str, tuple[str, ...]]]:
    found = set()
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            found.add((name, family.type, tuple(metric._labelnames)))
    return found


def metrics_on_page() -> set[tuple[str, str, tuple[str, ...]]]:
    rows = ROW.finditer(PAGE.read_text("utf-8"))
    return {(row["name"], row["kind"], tuple(re.findall(r"`(\w+)`", row["labels"]))) for row in rows}


def test_the_page_has_every_metric_with_its_type_and_labels_and_no_other() -> None:
    assert metrics_on_page() == metrics_in_code()
    assert len(metrics_in_code()) > 10
