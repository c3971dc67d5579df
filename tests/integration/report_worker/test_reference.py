"""For the sample data, each report is row by row the answer of a reference query, whatever the clocks did."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from demo.servers.postgresql import PostgresqlServer
from services.console.sample_data.load import load_sample
from services.report_worker.catalogue import Catalogue
from services.report_worker.report import Report
from shared.database.migrate import migrate
from shared.database.statements import load_statements
from shared.wire import ReportRun
from tests.integration.report_worker.conftest import House, attached_table, open_house, read_mail, read_text

pytestmark = pytest.mark.integration

REFERENCE = load_statements("tests.integration.report_worker", "reference.sql")
CATALOGUE = Catalogue.load()
TWELVE_HOURS = timedelta(hours=12)
FORMULA_STARTS = tuple("=+-@\t\n\r\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}")

#: 15:45 in Vancouver on an ordinary day; 07:45 there on the days when clocks were put forward and back.
ORDINARY = datetime(2026, 11, 20, 23, 45, tzinfo=UTC)
FORWARD = datetime(2026, 3, 8, 14, 45, tzinfo=UTC)
BACK = datetime(2026, 11, 1, 15, 45, tzinfo=UTC)


@pytest.fixture(scope="module", params=[ORDINARY, FORWARD, BACK], ids=["ordinary", "forward", "back"])
def sample(request: pytest.FixtureRequest, postgresql_server: PostgresqlServer) -> Iterator[House]:
    with postgresql_server.fresh_database("test") as url:
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            load_sample(connection, seed=1, scale=0.5, now=request.param)
        with open_house(url, request.param) as house:
            for report in CATALOGUE.reports.values():
                house.do("add_subscription", name=report.subscription)
            yield house


def entities(house: House, report: Report) -> list[str | None]:
    if report.scope is None:
        return [None]
    return sorted(name for row in house.connection.execute(REFERENCE[report.scope]) for name in row.values())


def expected_rows(house: House, report: Report, entity: str | None) -> list[list[str]]:
    parameters = {"entity": entity, "since": house.nominal_at - TWELVE_HOURS, "until": house.nominal_at}
    statement = REFERENCE[report.name.replace("-", "_")]
    return [
        [cell(value) for value in row.values()] for row in house.connection.execute(statement, parameters)
    ]


def cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def carry_out(house: House, report: Report) -> dict[str | None, ReportRun]:
    """Run a report and what it fans out into; the runs with rows of their own by entity."""
    house.publisher.published.clear()
    run = house.run(report.name)
    if report.scope is None:
        return {None: run}
    runs: dict[str | None, ReportRun] = {
        command.scope[report.scope]: command for command in house.publisher.commands if command.scope
    }
    for child in runs.values():
        house.make_worker().handle(child)
    return runs


@pytest.mark.parametrize("report", CATALOGUE.reports.values(), ids=CATALOGUE.reports)
def test_every_report_equals_its_reference_query_row_by_row(sample: House, report: Report) -> None:
    runs = carry_out(sample, report)
    mails = {mail.mail_id: mail for mail in sample.publisher.mails}
    assert list(runs) == entities(sample, report)
    total = 0
    for entity, run in runs.items():
        expected = expected_rows(sample, report, entity)
        row = sample.ledger(run)
        assert (row["row_count"], row["error"]) == (len(expected), None)
        mail = mails.get(f"report.{run.run_id}")
        raw = mail.message if mail else b""
        assert isinstance(raw, bytes)
        table = attached_table(read_mail(raw)) if raw else []
        assert table[1:] == expected
        assert table[:1] == ([[column.heading for column in report.columns]] if expected else [])
        total += len(expected)
    assert total > 0, "the sample has nothing to show this report by"


def test_a_window_is_twelve_hours_of_utc_whatever_the_clocks_in_the_zone_did(sample: House) -> None:
    sample.publisher.published.clear()
    sample.run("events-by-site", {"site": "LGH"}, inline_limit=64 << 20)
    text = read_text(sample.message())
    begin_and_end = {
        ORDINARY: "from 2026-11-20 03:45:00 PST to 2026-11-20 15:45:00 PST (America/Vancouver)",
        FORWARD: "from 2026-03-07 18:45:00 PST to 2026-03-08 07:45:00 PDT (America/Vancouver)",
        BACK: "from 2026-10-31 20:45:00 PDT to 2026-11-01 07:45:00 PST (America/Vancouver)",
    }
    assert begin_and_end[sample.nominal_at] in text
    assert sample.message()["Subject"].endswith("over the last 12 hours")
