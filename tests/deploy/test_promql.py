"""Expressions are read correctly, so that no metric of a dashboard goes unnoticed."""

import pytest

from tests.deploy.promql import asked


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("up", {"up"}),
        ("max by (queue) (a_b) * 1000 > bool 0.5", {"a_b"}),
        ('sum(rate(a_total{job=~"x(y)|by (z)"}[$__rate_interval])) or vector(0)', {"a_total"}),
        ("a:b:max offset 1m unless on (job) c{x='1', y!=\"2\"}", {"a:b:max", "c"}),
        (
            "histogram_quantile(0.95, sum by (le, report) (increase(d_bucket[5m]))) / sum (e)",
            {"d_bucket", "e"},
        ),
        ("time() - max(f and g)", {"f", "g"}),
    ],
)
def test_every_metric_is_found_and_nothing_else(expression: str, names: set[str]) -> None:
    assert asked(expression).names == names


def test_the_labels_that_it_needs_are_found() -> None:
    found = asked("""sum by (le, report) (a{report=~"x{1,2}", job!="y"}) / on (job) b""")
    assert dict(found.metrics) == {"a": {"report", "job"}, "b": set()}
    assert found.grouping == {"le", "report", "job"}
