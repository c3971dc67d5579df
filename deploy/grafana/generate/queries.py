"""Expressions in PromQL that several panels are made of."""

from dataclasses import dataclass

#: Grafana fills these in: what a rate needs at least, and all the time that is shown.
RATE, RANGE = "$__rate_interval", "$__range"
#: Each service exports a metric without labels, as 0 where it does not set it. Where that 0 would count, the
#: metric is read from the service that sets it.
RELAY = 'job="mailroom-mail-relay"'


@dataclass(frozen=True)
class Query:
    """An expression, and how a legend names its series."""

    expression: str
    legend: str = ""


def series(metric: str, *matchers: str) -> str:
    """Select the series of a metric."""
    return f"{metric}{{{', '.join(matchers)}}}" if matchers else metric


def per_second(counter: str, by: str = "") -> str:
    """Tell how often something happens in a second."""
    return f"{_sum(by)} (rate({counter}[{RATE}]))"


def count(counter: str, by: str = "") -> str:
    """Tell how often something happened, as time goes by."""
    return f"{_sum(by)} (increase({counter}[{RATE}]))"


def total(counter: str, by: str = "") -> str:
    """Tell how often something happened in all the time that is shown."""
    return f"{_sum(by)} (increase({counter}[{RANGE}]))"


def quantiles(histogram: str, *matchers: str, by: str = "") -> tuple[Query, ...]:
    """Estimate median and 95th percentile, as time goes by."""
    buckets = f"rate({series(f'{histogram}_bucket', *matchers)}[{RATE}])"
    whose = f"{{{{{by}}}}} " if by else ""
    return tuple(
        Query(quantile(share, buckets, by), f"{whose}{name}") for share, name in ((0.5, "p50"), (0.95, "p95"))
    )


def quantile(share: float, buckets: str, by: str = "") -> str:
    """Estimate below what value the given share of a histogram's observations lies."""
    grouping = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({grouping}) ({buckets}))"


def _sum(by: str) -> str:
    return f"sum by ({by})" if by else "sum"
