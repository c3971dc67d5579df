"""The body of a report mail: one view of it, filled into an HTML template and a text template."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from services.report_worker.footer import Footer
from services.report_worker.mail import PICTURE_ID, Body
from services.report_worker.phrases import local_time
from services.report_worker.report import Column
from services.report_worker.wording import Wording

_WIDEST_TEXT_TABLE = 100
_MARKS = {"PASS": "\N{CHECK MARK}", "FAIL": "\N{BALLOT X}"}  # status is readable without colour, too

_TEMPLATES = Environment(
    loader=PackageLoader("services.report_worker"),
    autoescape=select_autoescape(("html.j2",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# Media queries (dark mode, narrow screens) cannot be inlined and stay in a style element.
_INLINER = css_inline.CSSInliner(keep_at_rules=True, minify_css=True, load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it is shown; `style` names its look: text, time, number, pass, fail, nothing."""

    text: str
    style: str = "text"


@dataclass(frozen=True, slots=True)
class View:
    """Everything a body shows.

    Attributes:
        wording: the words.
        footer: what stands below.
        columns: of the table.
        rows: the first rows.
        notes: where the other rows are, and what is missing.
        picture: a PNG above the rows, if any.
        picture_text: what stands for it where pictures are not shown.
    """

    wording: Wording
    footer: Footer
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[Cell]] = ()
    notes: Sequence[str] = ()
    picture: bytes | None = None
    picture_text: str = ""


def render_body(view: View) -> Body:
    """Fill both templates; every value is escaped in the HTML."""
    records = [
        [(column.heading, cell.text) for column, cell in zip(view.columns, row, strict=True)]
        for row in view.rows
    ]
    text = _TEMPLATES.get_template("report.txt.j2").render(
        view=view, table=text_table(view.columns, view.rows), records=records
    )
    html = _TEMPLATES.get_template("report.html.j2").render(
        view=view, wording=view.wording, picture_id=PICTURE_ID
    )
    return Body(text=text, html=_INLINER.inline(html), picture=view.picture)


def show_rows(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], zone: ZoneInfo
) -> tuple[tuple[Cell, ...], ...]:
    """Turn the CSV's cells into what a reader sees: local times, marks beside a status, a word for none."""
    return tuple(
        tuple(_show(column, cell, zone) for column, cell in zip(columns, row, strict=True)) for row in rows
    )


def text_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> str | None:
    """Return an aligned table, or None when it would be too wide to stay aligned in a mail reader."""
    lines = [[column.heading for column in columns], *([cell.text for cell in row] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    if sum(widths) + 2 * (len(widths) - 1) > _WIDEST_TEXT_TABLE or any(
        "\n" in part for line in lines for part in line
    ):
        return None
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _show(column: Column, text: str, zone: ZoneInfo) -> Cell:
    if column.kind == "time":
        moment = datetime.fromisoformat(text) if text else None
        return Cell(local_time(moment, zone), "time") if moment else Cell("never", "nothing")
    if not text:
        return Cell("\N{EN DASH}", "nothing")
    if column.kind == "status":
        return Cell(f"{_MARKS[text]} {text}", text.lower()) if text in _MARKS else Cell(text)
    return Cell(text, column.kind)
