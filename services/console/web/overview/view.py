"""The overview as a page asks for it: read, decided, and ready to be drawn."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from services.console.status.status import Status, read_status
from services.console.status.troubles import Trouble, troubles
from services.console.web.overview.charts import Chart
from services.console.web.overview.hours import read_charts
from services.console.web.overview.tiles import ELSEWHERE, Rows, Tile, groups
from services.console.web.pages.page import psycopg_connection
from services.console.web.project import mailroom_settings

#: Seconds from one look to the next.
_EVERY = 15


@dataclass(frozen=True, slots=True)
class DrawnTile:
    """A number as the page shows it."""

    tile: Tile
    url: str
    attention: bool

    @property
    def shown(self) -> str:
        """The value as people write it."""
        return "" if self.tile.value is None else f"{self.tile.value:,}"


@dataclass(frozen=True, slots=True)
class DrawnTrouble:
    """A trouble with the page that shows more; None where there is none."""

    message: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the page shows."""

    status: Status
    troubles: tuple[DrawnTrouble, ...]
    groups: tuple[tuple[str, tuple[DrawnTile, ...]], ...]
    charts: tuple[Chart, ...]
    every: int = _EVERY

    @property
    def taken_at(self) -> datetime:
        """The moment it was so."""
        return self.status.taken_at


def read_overview() -> Overview:
    """Ask database and broker, as this request's user of the database."""
    settings = mailroom_settings()
    connection = psycopg_connection()
    status = read_status(connection, settings)
    found = troubles(status)
    drawn = tuple(
        (group.title, tuple(_draw(tile, found) for tile in group.tiles)) for group in groups(status)
    )
    charts: tuple[Chart, ...] = ()
    if status.database is not None:
        charts = read_charts(connection, status.taken_at, ZoneInfo(settings.reports.time_zone))
    return Overview(status, _link(found, drawn), drawn, charts)


def fragment(request: HttpRequest) -> HttpResponse:
    """Answer a page that looks again by itself; that is no click, so the login ends no later for it."""
    answer = render(request, "console/overview/overview.html", {"overview": read_overview()})
    del request.session  # else it would be saved, and with it a new end
    return answer


def _draw(tile: Tile, found: tuple[Trouble, ...]) -> DrawnTile:
    return DrawnTile(tile, _url(tile.rows), tile.wants_attention(found))


def _link(
    found: tuple[Trouble, ...], drawn: tuple[tuple[str, tuple[DrawnTile, ...]], ...]
) -> tuple[DrawnTrouble, ...]:
    urls = {subject: _url(rows) for subject, rows in ELSEWHERE.items()}
    urls |= {subject: each.url for _, tiles in drawn for each in tiles for subject in each.tile.troubles}
    return tuple(DrawnTrouble(trouble.message, urls.get(trouble.subject)) for trouble in found)


def _url(rows: Rows) -> str:
    address = reverse(f"admin:mailroom_{rows.model}_changelist")
    return f"{address}?{urlencode(rows.wanted)}" if rows.wanted else address
