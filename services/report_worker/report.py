"""What a report is: one entry of the catalogue, read from its `.toml` and its `.sql`.

The SQL is a SELECT with a column for every `[[columns]]` entry. It takes psycopg placeholders, so a literal
percent sign is written twice:

* `%(nominal_at)s`: the end of the window, never `now()`, so that a late worker reports the same rows;
* `%(interval)s`: the length of the window;
* `%(site)s` or `%(bot)s`: in a report with that scope.
"""

import re
import tomllib
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import ConfigDict, StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from shared.errors import MailroomError

Scope = Literal["site", "bot"]
Kind = Literal["text", "time", "number", "status"]

_STRICT = ConfigDict(extra="forbid")
_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|(%)|)")

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=100)]
_ColumnName = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*$", max_length=63)]
#: Headings also stand in a style sheet, hence no quotes, backslashes, brackets.
_Heading = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f\"'\\<>{}]+$")]
_Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]+$")]


class CatalogueEntryBroken(MailroomError):
    """An entry of the catalogue cannot be used; the message names it and what to correct."""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Column:
    """One column of a report.

    Attributes:
        name: its name in the SQL, and in a subscription's list of columns.
        heading: what the reader sees above it.
        kind: how its cells are written: `time` as ISO 8601 UTC in the CSV and as local time in the body,
            `status` with a mark, `number` to the right.
    """

    name: _ColumnName
    heading: _Heading
    kind: Kind = "text"


@dataclass(frozen=True, slots=True, config=_STRICT)
class WithoutRows:
    """How a report words that it found nothing.

    Attributes:
        subject: core of the subject.
        text: the sentence in the body.
        investigate: whether finding nothing is itself a reason for alarm (no events at all), not good news
            (no failures).
    """

    subject: _Line
    text: _Line
    investigate: bool = False


@dataclass(frozen=True, slots=True, config=_STRICT)
class Tallying:
    """Which columns a report's rows are counted by, for the summary and the chart.

    Attributes:
        status: its FAIL cells are the failures.
        by: what the failures are told apart by.
        time: by whose hours the chart counts; None when there is nothing to draw.
    """

    status: _ColumnName
    by: _ColumnName
    time: _ColumnName | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class Report:
    """One entry of the catalogue.

    Attributes:
        name: stable identifier; the name of the two files.
        title: for listings.
        subscription: name of the subscription that says who gets it.
        subject: core of the subject; the entity and the window follow it.
        explanation: a sentence in the body that says what the rows are.
        columns: in their default order.
        without_rows: the wording when there are none.
        sql: the query, as described in this module's docstring.
        scope: what one mail is about; None when there is one mail for everything.
        window: whether the rows depend on the interval, so that subject and body name it.
        level: `report_level` takes the preference; `error_with_rows` says ERROR as soon as there is a row.
        expects_events: whether the report means nothing when no bot reported anything in the window; it then
            says so instead of passing silence off as good or bad news.
        send_empty: whether a report without rows is mailed: always, or as the preference says.
        tally: how the summary counts failures; None when rows neither pass nor fail.
    """

    name: _Name
    title: _Line
    subscription: _Line
    subject: _Line
    explanation: _Line
    columns: tuple[Column, ...]
    without_rows: WithoutRows
    sql: str
    scope: Scope | None = None
    window: bool = True
    level: Literal["report_level", "error_with_rows"] = "report_level"
    expects_events: bool = False
    send_empty: Literal["always", "preference"] = "always"
    tally: Tallying | None = None

    def columns_shown(self, names: Sequence[str]) -> tuple[Column, ...]:
        """Return the columns that a subscription asks for, in its order.

        Args:
            names: of columns. None at all, or one that this report does not have (a subscription may serve
                several reports): the report's own columns.
        """
        by_name = {column.name: column for column in self.columns}
        if not names or not all(name in by_name for name in names):
            return self.columns
        return tuple(by_name[name] for name in names)


_REPORT = TypeAdapter(Report)


def parse_report(name: str, toml: str, sql: str) -> Report:
    """Read one entry of the catalogue.

    Raises:
        CatalogueEntryBroken: the TOML is malformed, lacks a key, has an unknown one or an ill-formed value;
            or the SQL is empty or uses a placeholder it does not get.
    """
    try:
        fields = tomllib.loads(toml)
        report = _REPORT.validate_python({**fields, "name": name, "sql": sql.strip().rstrip(";").rstrip()})
    except tomllib.TOMLDecodeError as error:
        raise CatalogueEntryBroken(f"report {name}: {name}.toml is not TOML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise CatalogueEntryBroken(f"report {name}: {problems}") from error
    _check(report)
    return report


def _check(report: Report) -> None:
    if not report.columns:
        raise CatalogueEntryBroken(f"report {report.name}: it has no [[columns]]")
    if len({column.name for column in report.columns}) != len(report.columns):
        raise CatalogueEntryBroken(f"report {report.name}: two columns have the same name")
    tallied = (report.tally.status, report.tally.by, report.tally.time) if report.tally else ()
    if missing := {name for name in tallied if name} - {column.name for column in report.columns}:
        raise CatalogueEntryBroken(f"report {report.name}: [tally] names no column: {', '.join(missing)}")
    if not report.sql:
        raise CatalogueEntryBroken(f"report {report.name}: {report.name}.sql is empty")
    known = {"nominal_at", "interval"} | ({report.scope} if report.scope else set())
    for match in _PLACEHOLDER.finditer(report.sql):
        placeholder, doubled = match.groups()
        if not doubled and placeholder not in known:
            raise CatalogueEntryBroken(
                f"report {report.name}: {report.name}.sql has {report.sql[match.start() :][:20]!r}; it gets "
                f"{', '.join(f'%({name})s' for name in sorted(known))}, and a literal percent sign is %%"
            )
