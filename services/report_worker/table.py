"""Running a report's query, once: every row into a CSV file, the first ones also kept for the body.

PostgreSQL formats the CSV (`COPY ... TO STDOUT`); Python only turns the rows' line ends into CRLF, so no row
becomes Python objects beyond the few that the body shows, and memory stays flat however many there are.
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Any, Self

import psycopg
from psycopg import sql

from services.report_worker.report import Column, Report
from services.report_worker.window import Window
from shared.database.statements import load_statements
from shared.errors import MailroomError

_STATEMENTS = load_statements("services.report_worker", "table.sql")
_CELLS = {"text": "text_cell", "status": "text_cell", "time": "time_cell", "number": "number_cell"}
#: Rows joined into one write: large enough to make writes rare, small enough to stay in cache.
_ROWS_PER_WRITE = 500


class ReportTooLarge(MailroomError):
    """A report has more bytes of CSV than one may have; nobody opens such a file, and disks are finite."""


@dataclass(frozen=True, slots=True)
class Table:
    """A report's rows; a context manager that closes (and so deletes) the file.

    Attributes:
        columns: as they stand in the file.
        file: the CSV (RFC 4180: CRLF, quoted where needed; UTF-8), in memory up to a size, else on disk.
        size: its length in bytes.
        sha256: its hash, in hexadecimal.
        row_count: rows without the header line.
        first_rows: cells of the first rows, as in the CSV; an empty cell is "".
    """

    columns: tuple[Column, ...]
    file: IO[bytes]
    size: int
    sha256: str
    row_count: int
    first_rows: tuple[tuple[str, ...], ...]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.file.close()


def read_table(
    connection: psycopg.Connection[Any],
    report: Report,
    columns: Sequence[Column],
    parameters: Mapping[str, Any],
    *,
    timeout: timedelta,
    keep_rows: int,
    memory_limit: int = 8 << 20,
    size_limit: int = 2 << 30,
    byte_order_mark: bool = True,
) -> Table:
    """Run the report's query in a READ ONLY transaction and write all of its rows as CSV.

    Args:
        connection: to the database with the monitoring data, outside a transaction.
        report: whose query it is.
        columns: which of its columns, in which order.
        parameters: values of the query's placeholders.
        timeout: after which PostgreSQL cancels the query.
        keep_rows: how many rows to keep for the body.
        memory_limit: file size in bytes from which on it lives on disk.
        size_limit: most bytes of the file.
        byte_order_mark: whether the file begins with one; spreadsheets need it to see UTF-8.

    Raises:
        ReportTooLarge: the rows take more than `size_limit`.
        psycopg.Error: the query failed, or took longer than `timeout`.
    """
    file = SpooledTemporaryFile(max_size=memory_limit)  # noqa: SIM115  # the Table returned closes it
    try:
        with connection.transaction(), connection.cursor() as cursor:
            _limit(cursor, timeout)
            with cursor.copy(_copy_statement(report, columns), parameters) as copy:
                return _write(
                    file,
                    columns,
                    iter(copy),
                    keep_rows,
                    size_limit=size_limit,
                    byte_order_mark=byte_order_mark,
                )
    except BaseException:
        file.close()
        raise


def bots_reported(
    connection: psycopg.Connection, window: Window, scope: Mapping[str, str] | None, timeout: timedelta
) -> bool:
    """Return whether any bot of the scope reported anything in the window; else missing rows say nothing."""
    parameters = {"site": None, "bot": None, **(scope or {}), "start": window.start, "end": window.end}
    with connection.transaction(), connection.cursor() as cursor:
        _limit(cursor, timeout)
        return cursor.execute(_STATEMENTS["bots_reported"], parameters).fetchone() == (True,)


def _limit(cursor: psycopg.Cursor, timeout: timedelta) -> None:
    milliseconds = str(int(timeout.total_seconds() * 1000))
    cursor.execute(_STATEMENTS["limit_transaction"], {"milliseconds": milliseconds})


def _copy_statement(report: Report, columns: Sequence[Column]) -> sql.Composed:
    cells = [
        sql.SQL(_STATEMENTS[_CELLS[column.kind]]).format(column=sql.Identifier("report", column.name))
        for column in columns
    ]
    return sql.SQL(_STATEMENTS["report_csv"]).format(
        cells=sql.SQL(", ").join(cells), report=sql.SQL(report.sql)
    )


def _write(
    file: SpooledTemporaryFile[bytes],
    columns: Sequence[Column],
    rows: Iterator[bytes | bytearray | memoryview],
    keep_rows: int,
    *,
    size_limit: int,
    byte_order_mark: bool,
) -> Table:
    """Write header and rows; `rows` are COPY data messages, each exactly one row that ends in LF."""
    digest = hashlib.sha256()
    size = row_count = 0
    kept: list[bytes] = []

    def put(data: bytes) -> None:
        nonlocal size
        if size + len(data) > size_limit:
            raise ReportTooLarge(f"the rows take more than {size_limit:,} bytes of CSV; narrow the query")
        digest.update(data)
        file.write(data)
        size += len(data)

    put(_header(columns, byte_order_mark=byte_order_mark))
    while batch := [row[:-1] for row in islice(rows, _ROWS_PER_WRITE)]:
        if len(kept) < keep_rows:
            kept.extend(bytes(row) for row in batch[: keep_rows - len(kept)])
        row_count += len(batch)
        batch.append(b"")
        put(b"\r\n".join(batch))
    file.seek(0)
    first_rows = tuple(tuple(_cells(row)) for row in kept)
    return Table(tuple(columns), file, size, digest.hexdigest(), row_count, first_rows)


def _header(columns: Sequence[Column], *, byte_order_mark: bool) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(column.heading for column in columns)
    return line.getvalue().encode("utf-8-sig" if byte_order_mark else "utf-8")


def _cells(row: bytes) -> list[str]:
    """One CSV record back into cells; its line ends inside quotes are its own."""
    (cells,) = csv.reader(io.StringIO(row.decode(), newline=""))
    return cells
