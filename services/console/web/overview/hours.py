"""What happened in each of the last hours: counted by the database, for the charts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg import Connection

from services.console.bounces.audit import first_since
from services.console.web.overview.charts import Chart, lay_out
from shared.database.statements import load_statements

_SQL = load_statements("services.console.web.overview", "hours.sql")
#: How many hours a chart shows, the present one being the last.
HOURS = 24
_HOUR = timedelta(hours=1)
#: For how long a transaction may keep an audit record back, whose time is that of its begin.
_OPEN = timedelta(minutes=5)
#: Title and outcomes of each chart, by the statement that counts for it.
_CHARTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "runs": (
        "Report runs",
        {"sent": "good", "not sent": "quiet", "in progress": "odd", "failed": "bad"},
    ),
    "bounces": (
        "Bounces handled",
        {"sender told": "good", "discarded": "quiet", "kept for a digest": "odd", "quarantined": "bad"},
    ),
    "deliveries": (
        "Deliveries",
        {"delivered": "good", "open": "quiet", "deferred": "odd", "failed": "bad"},
    ),
}


def read_charts(connection: Connection, now: datetime, zone: ZoneInfo) -> tuple[Chart, ...]:
    """Count what happened, hour by hour.

    Args:
        connection: may read the ledgers and the audit.
        now: by the database's clock.
        zone: whose full hours they are.
    """
    hours = last_hours(now, zone)
    window = {
        "begin": hours[0],
        "end": hours[-1] + _HOUR,
        "first_audit": first_since(connection, hours[0] - _OPEN) or 0,
    }
    charts = []
    for name, (title, tones) in _CHARTS.items():
        rows = connection.execute(_SQL[name], window)
        counts = {(hour, outcome): count for hour, outcome, count in rows}
        charts.append(lay_out(name, title, tones, hours, counts))
    return tuple(charts)


def last_hours(now: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the begin of each of the last hours in a zone, the present one being the last."""
    offset = now.astimezone(zone).utcoffset() or timedelta()
    present = now - timedelta(seconds=(now.timestamp() + offset.total_seconds()) % _HOUR.total_seconds())
    return [(present - _HOUR * ago).astimezone(zone) for ago in reversed(range(HOURS))]
