"""Panels as all dashboards have them: same data source, units, colours, legends and links."""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as frame
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.generate.alerts import Alert
from deploy.grafana.generate.queries import Query

#: What the dashboard's choice of a data source is called in its panels.
DATA_SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
#: Grafana's name of the value that was clicked on, for a `DataLink`.
CLICKED = "${__value.raw}"
_GOOD, _BAD = "green", "red"


@dataclass(frozen=True)
class DataLink:
    """A link from a value in a table."""

    title: str
    url: str


def number(
    title: str,
    query: str,
    *,
    meaning: str,
    unit: str = "short",
    alert: Alert | None = None,
    bad_from: float | None = None,
    leads_to: str = "",
    width: int = 4,
) -> stat.Panel:
    """Show one number, red once it is as bad as what an alert fires for.

    Args:
        title: says what the number is.
        query: an expression with one result.
        meaning: what to know about the number, shown on hovering.
        unit: Grafana's name of it.
        alert: the alert about it; its runbook is linked.
        bad_from: from where on it is red; default: where the alert fires.
        leads_to: the name of the dashboard that tells more.
        width: in columns, of 24.
    """
    panel = (
        stat.Panel()
        .title(title)
        .description(meaning)
        .datasource(DATA_SOURCE)
        .unit(unit)
        .with_target(_target(Query(query)).instant())
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(BigValueColorMode.BACKGROUND)
        .graph_mode(BigValueGraphMode.NONE)
        .thresholds(_thresholds(bad_from if bad_from is not None or not alert else alert.bad_from))
        .height(4)
        .span(width)
    )
    if unit == "short":
        panel = panel.decimals(0)  # what is counted is whole, though Prometheus extrapolates an increase
    return panel.links(_links(alert, leads_to))


def flag(
    title: str,
    query: str,
    *,
    meaning: str,
    good: tuple[int, str],
    bad: tuple[int, str],
    alert: Alert | None = None,
    width: int = 4,
) -> stat.Panel:
    """Show one of two words, for a metric that is 0 or 1."""
    words = {
        str(value): model.ValueMappingResult(text=word, color=color, index=index)
        for index, ((value, word), color) in enumerate(((good, _GOOD), (bad, _BAD)))
    }
    panel = number(title, query, meaning=meaning, alert=alert, width=width)
    return panel.mappings([model.ValueMap(words)]).thresholds(_thresholds(None))


def graph(
    title: str,
    *queries: Query,
    meaning: str,
    unit: str = "short",
    alert: Alert | None = None,
    stacked: bool = False,
    bars: bool = False,
    width: int = 12,
) -> timeseries.Panel:
    """Show how values went, with a red line where an alert fires.

    Args:
        title: says what the values are.
        queries: what to draw.
        meaning: what to know about the values, shown on hovering.
        unit: Grafana's name of it.
        alert: the alert about the same value; where it fires is drawn, its runbook is linked.
        stacked: put the values on top of each other, where their sum means something.
        bars: draw bars, for what happens now and then.
        width: in columns, of 24.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(meaning)
        .datasource(DATA_SOURCE)
        .unit(unit)
        .min(0)
        .draw_style(GraphDrawStyle.BARS if bars else GraphDrawStyle.LINE)
        .fill_opacity(60 if bars else 10)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .height(8)
        .span(width)
        .links(_links(alert, ""))
    )
    for place, query in enumerate(queries):
        panel = panel.with_target(_target(query, place).range())
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if bars:
        # so that bars stand side by side: each is for as much time as there is between two
        panel = panel.interval("1m")
    if alert:
        drawn = common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
        panel = panel.thresholds(_thresholds(alert.bad_from)).thresholds_style(drawn)
    return panel


def listing(
    title: str,
    *columns: tuple[str, str, str],
    by: str,
    meaning: str,
    sort_by: str,
    link: DataLink | None = None,
    height: int = 9,
) -> table.Panel:
    """List values by a label: one row for each of its values, one column for each query.

    Args:
        title: says what is listed.
        columns: heading, expression and unit of each.
        by: the label, which every expression's result has alone.
        meaning: what to know about the values, shown on hovering.
        sort_by: the heading of the column to sort by, largest first.
        link: where a click on the label's value leads to.
        height: in rows of the dashboard.
    """
    panel = (
        table.Panel()
        .title(title)
        .description(meaning)
        .datasource(DATA_SOURCE)
        .sort_by([common.TableSortByFieldState().display_name(sort_by).desc(True)])
        .height(height)
        .span(24)
        .with_transformation(model.DataTransformerConfig("merge", options={}))
        .with_transformation(
            model.DataTransformerConfig(
                "organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": {by: 0},
                    "renameByName": {
                        by: by.capitalize(),
                        **{_value(place, columns): heading for place, (heading, _, _) in enumerate(columns)},
                    },
                },
            )
        )
    )
    for place, (heading, expression, unit) in enumerate(columns):
        target = _target(Query(expression), place).instant().format(PromQueryFormat.TABLE)
        panel = panel.with_target(target).override_by_name(heading, [model.DynamicConfigValue("unit", unit)])
    if link:
        opened = {"title": link.title, "url": link.url, "targetBlank": True}
        panel = panel.override_by_name(by.capitalize(), [model.DynamicConfigValue("links", [opened])])
    return panel


def row(title: str) -> frame.Row:
    """Head a group of panels."""
    return frame.Row(title)


def _target(query: Query, place: int = 0) -> Dataquery:
    target = Dataquery().expr(query.expression).ref_id(_letter(place)).datasource(DATA_SOURCE)
    return target.legend_format(query.legend or "__auto")


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _value(place: int, columns: Sequence[object]) -> str:
    """Grafana's name of a query's values: without a letter where there is one query only."""
    return f"Value #{_letter(place)}" if len(columns) > 1 else "Value"


def _thresholds(bad_from: float | None) -> frame.ThresholdsConfig:
    steps = [model.Threshold(None, _GOOD)]
    if bad_from is not None:
        steps.append(model.Threshold(bad_from, _BAD))
    return frame.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _links(alert: Alert | None, leads_to: str) -> list[Builder[model.DashboardLink]]:
    links: list[Builder[model.DashboardLink]] = []
    if leads_to:
        links.append(
            frame.DashboardLink("More about this").url(f"/d/mailroom-{leads_to}?${{__url_time_range}}")
        )
    if alert:
        links.append(frame.DashboardLink(f"Runbook: {alert.name}").url(alert.runbook).target_blank(True))
    return links
