"""The by-bot report: 2,352 rows as a whole mail, and 1,000,000 rows as CSV beside `psql`.

Only the ratio to `psql` and the difference in memory are bounds: both sides run in turns, on the same rows of
the same database. The original's figures were measured once, on a machine like this one, and are printed for
orientation; so is a stand-in for the way the original goes about it: all rows as objects, a template over all
of them twice.
"""

import csv
import io
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from uuid import UUID

import jinja2
import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from demo.servers.postgresql import find_postgresql
from services.report_worker.catalogue import Catalogue
from services.report_worker.composer import Composer
from services.report_worker.delivery import Delivery
from services.report_worker.preferences import Preferences
from services.report_worker.recipients import Mailbox
from services.report_worker.runs import TakenRun
from services.report_worker.settings import ReportSettings
from services.report_worker.subscription import Subscription
from services.report_worker.table import read_table
from services.report_worker.window import Window
from shared.database.migrate import migrate
from shared.database.statements import load_statements
from shared.wire import ReportRun
from tests.benchmarks.process_usage import peak_memory

#: Our time for the CSV of MANY rows is at most this multiple of psql's.
BOUND = 1.5
#: The peak memory of a run of MANY rows is at most this many bytes above that of a run of FEW.
MEMORY_BOUND = 40 << 20
ROUNDS = 3

#: What the original took for that many rows of one bot (reports-original 8.2).
ORIGINAL_ROWS, ORIGINAL_SECONDS = 2352, 21.7
FEW, MANY = 1000, 1_000_000

NOMINAL_AT = datetime(2026, 11, 20, 23, 45, tzinfo=UTC)
WINDOW = Window(NOMINAL_AT, timedelta(hours=12))
REPORT = Catalogue.load().reports["events-by-bot"]
SETTINGS = ReportSettings("mailroom.example.com")

_STATEMENTS = load_statements("tests.benchmarks", "reports.sql")
_BOTS = {"few": FEW, "twelve-hours": ORIGINAL_ROWS, "many": MANY}
_HTML = jinja2.Template(
    "<table>{% for row in rows %}<tr>{% for cell in row.values() %}<td>{{ cell | e }}</td>{% endfor %}</tr>"
    "{% endfor %}</table>"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run of this benchmark found; times in seconds, memory in bytes."""

    mail: float
    stand_in: float
    csv: float
    psql: float
    ratio: float
    memory: int


def measure(url: str) -> Measured:
    """Fill the migrated database at `url` and measure."""
    _fill(url)
    mail, stand_in = _mail_beside_stand_in(url)
    rounds = [(_csv_seconds(url), _psql_seconds(url)) for _ in range(ROUNDS)]
    ours, theirs = zip(*rounds, strict=True)
    return Measured(
        mail=mail,
        stand_in=stand_in,
        csv=median(ours),
        psql=median(theirs),
        ratio=median(mine / other for mine, other in rounds),
        memory=_peak_memory(url, "many") - _peak_memory(url, "few"),
    )


def _fill(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for bot, count in _BOTS.items():
            connection.execute(_STATEMENTS["add_bot"], {"bot": bot})
            row = {"bot": bot, "count": count, "until": WINDOW.end, "apart": WINDOW.length / (count + 1)}
            connection.execute(_STATEMENTS["add_events"], row)
        connection.execute(_STATEMENTS["gather_statistics"])


def _mail_beside_stand_in(url: str) -> tuple[float, float]:
    rounds = []
    with ConnectionPool(url, min_size=1, max_size=1, open=True) as pool:
        composer = Composer(pool, SETTINGS)
        _compose(composer, "few")  # fills caches
        for _ in range(ROUNDS):
            began = time.perf_counter()
            _compose(composer, "twelve-hours")
            between = time.perf_counter()
            _stand_in(url)
            rounds.append((between - began, time.perf_counter() - between))
    ours, theirs = zip(*rounds, strict=True)
    return median(ours), median(theirs)


def _compose(composer: Composer, bot: str) -> None:
    run = ReportRun(str(UUID(int=1)), REPORT.name, NOMINAL_AT, {"bot": bot})
    mailbox = Mailbox("ops@example.com")
    delivery = Delivery(Subscription("Ops", mailbox.address, mailbox.address), mailbox, (mailbox,))
    letter = composer.compose(TakenRun(run, None), REPORT, delivery, Preferences(), NOMINAL_AT)
    if letter.row_count != _BOTS[bot]:
        raise AssertionError(f"{letter.row_count} rows for {bot}")


def _stand_in(url: str) -> None:
    """All rows as objects, a CSV of them, and a template over all of them twice."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        rows = connection.execute(REPORT.sql, WINDOW.parameters({"bot": "twelve-hours"})).fetchall()
    target = io.StringIO()
    writer = csv.DictWriter(target, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    for _ in range(2):
        _HTML.render(rows=rows)


def _csv_seconds(url: str) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        began = time.perf_counter()
        with read_table(
            connection,
            REPORT,
            REPORT.columns,
            WINDOW.parameters({"bot": "many"}),
            timeout=timedelta(minutes=5),
            keep_rows=100,
        ) as table:
            seconds = time.perf_counter() - began
            if table.row_count != MANY:
                raise AssertionError(f"{table.row_count} rows")
    return seconds


def _psql_seconds(url: str) -> float:
    """The same query's rows and columns, written by psql into a file."""
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        query = psycopg.ClientCursor(connection).mogrify(REPORT.sql, WINDOW.parameters({"bot": "many"}))
    columns = ", ".join(column.name for column in REPORT.columns)
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "rows.csv"
        command = f"\\copy (SELECT {columns} FROM ({' '.join(query.split())}) AS r) TO '{target}' CSV HEADER"
        began = time.perf_counter()
        subprocess.run(["psql", "-X", "-q", url, "-c", command], check=True, timeout=600)
        return time.perf_counter() - began


def _peak_memory(url: str, bot: str) -> int:
    """The peak resident memory, in bytes, of a fresh process that composes the whole mail."""
    with multiprocessing.get_context("spawn").Pool(1) as processes:
        return processes.apply(_compose_alone, (url, bot))


def _compose_alone(url: str, bot: str) -> int:
    with ConnectionPool(url, min_size=1, max_size=1, open=True) as pool:
        _compose(Composer(pool, SETTINGS), bot)
    return peak_memory()


def main() -> int:
    """Print the rows of the benchmark table; 1 when a bound is broken."""
    if shutil.which("psql") is None:
        sys.stdout.write("reports: psql is not on PATH, so there is nothing to compare with\n")
        return 1
    with find_postgresql(os.environ) as server, server.fresh_database("bench") as url:
        migrate(url)
        found = measure(url)
    fast, flat = found.ratio <= BOUND, found.memory <= MEMORY_BOUND
    each, original = found.mail / ORIGINAL_ROWS, ORIGINAL_SECONDS / ORIGINAL_ROWS
    sys.stdout.write(
        f"report of {MANY:,} rows as CSV vs psql \\copy: ratio {found.ratio:.2f} (bound {BOUND}) "
        f"{'ok' if fast else 'BROKEN'}   [{found.csv:.2f} s vs {found.psql:.2f} s]\n"
        f"report of {MANY:,} rows vs {FEW:,}, peak memory: +{found.memory / (1 << 20):.1f} MiB "
        f"(bound {MEMORY_BOUND >> 20}) {'ok' if flat else 'BROKEN'}\n"
        f"report of {ORIGINAL_ROWS:,} rows as a mail: {each * 1e6:.0f} us a row, 1/{original / each:.0f} of "
        f"the {original * 1e3:.1f} ms measured once of the original; all rows as objects, rendered twice: "
        f"{found.stand_in / ORIGINAL_ROWS * 1e6:.0f} us (for information)\n"
    )
    return 0 if fast and flat else 1


if __name__ == "__main__":
    sys.exit(main())
