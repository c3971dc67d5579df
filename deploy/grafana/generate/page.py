"""What all dashboards have in common: how they are named, found, linked to each other and narrowed down."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.generate.panels import DATA_SOURCE

#: Of the data source in deploy/grafana/provisioning, which is chosen at first.
DATA_SOURCE_UID = "mailroom-prometheus"
#: Where the pages of docs/runbooks are served; to be set where they are.
RUNBOOKS = "https://runbooks.example.com/mailroom"
_TAG = "mailroom"
Panel = stat.Panel | table.Panel | timeseries.Panel
Variable = builders.QueryVariable | builders.TextBoxVariable


def page(
    name: str,
    answers: str,
    panels: Sequence[Panel | builders.Row],
    variables: Sequence[Variable] = (),
    since: str = "now-6h",
) -> model.Dashboard:
    """Put a dashboard together.

    Args:
        name: makes its heading, and its address, which never changes: `mailroom-NAME` with hyphens.
        answers: the questions that it answers.
        panels: from left to right, from top to bottom.
        variables: what can be chosen, besides the data source.
        since: the beginning of what is shown first.
    """
    dashboard = (
        builders.Dashboard(f"Mailroom: {name}")
        .uid(f"mailroom-{name.replace(' ', '-').lower()}")
        .description(answers)
        .tags([_TAG])
        .time(since, "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            builders.DashboardLink("Mailroom")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags([_TAG])
            .keep_time(True)
        )
        .with_variable(_data_source())
        .with_variable(_runbooks())
    )
    for variable in variables:
        dashboard = dashboard.with_variable(variable)
    for panel in panels:
        if isinstance(panel, builders.Row):
            dashboard = dashboard.with_row(panel)
        else:
            dashboard = dashboard.with_panel(panel)
    return _numbered(dashboard.build())


def choice(name: str, label: str, query: str) -> builders.QueryVariable:
    """Have people choose some of a label's values; at first all."""
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(DATA_SOURCE)
        .query({"query": query, "refId": name})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )


def text(name: str, label: str, default: str) -> builders.TextBoxVariable:
    """Have people type something in."""
    value = model.VariableOption(selected=True, text=default, value=default)
    return builders.TextBoxVariable(name).label(label).default_value(default).current(value).options([value])


def _data_source() -> builders.DatasourceVariable:
    chosen = model.VariableOption(selected=True, text="Prometheus", value=DATA_SOURCE_UID)
    return builders.DatasourceVariable("datasource").label("Data source").type("prometheus").current(chosen)


def _runbooks() -> builders.TextBoxVariable:
    return text("runbooks", "Runbooks", RUNBOOKS).hide(model.VariableHide.HIDE_VARIABLE)


def _numbered(dashboard: model.Dashboard) -> model.Dashboard:
    """Give panels the numbers that links to single panels need."""
    for number, panel in enumerate(dashboard.panels or (), start=1):
        panel.id_val = number
    return dashboard
