"""The rows as an XLSX workbook, for subscriptions that want one: every text is a string, never a formula."""

import re
from collections.abc import Sequence
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from services.report_worker.csv_rows import csv_rows
from services.report_worker.report import Column, Kind

#: A sheet ends after 1,048,576 rows; the first one has the headings.
MOST_ROWS = 1_048_575
_LONGEST_CELL = 32_767
_EXACT_DIGITS = 15
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_WIDTHS = {"text": 32, "time": 28, "number": 14, "status": 10}


def write_workbook(
    rows: IO[bytes], columns: Sequence[Column], title: str, nominal_at: datetime
) -> SpooledTemporaryFile[bytes]:
    """Write a CSV's rows as a workbook of one sheet, row by row, so that memory stays flat.

    Times are dates in UTC to the second; a number of more digits than a spreadsheet keeps is text.

    Args:
        rows: the CSV with its header line, at its beginning, and left there.
        columns: of the CSV.
        title: property of the workbook.
        nominal_at: written into the workbook as its time, so that the same rows give the same bytes.

    Returns:
        The workbook, at its end; to be closed by the caller.
    """
    target = SpooledTemporaryFile(max_size=8 << 20)  # noqa: SIM115  # the caller closes it
    book = Workbook(target, {"constant_memory": True, "remove_timezone": True})
    book.set_properties({"title": title, "created": nominal_at.replace(tzinfo=None)})
    bold = book.add_format({"bold": True, "bottom": 1})
    time = book.add_format({"num_format": 'yyyy-mm-dd hh:mm:ss "UTC"', "align": "left"})
    sheet = book.add_worksheet("Report")
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, _WIDTHS[column.kind])
        sheet.write_string(0, place, column.heading, bold)
    number = 0
    with csv_rows(rows) as below_header:
        for number, row in enumerate(below_header, start=1):
            for place, (column, cell) in enumerate(zip(columns, row, strict=True)):
                _write(sheet, (number, place), column.kind, cell, time)
    sheet.autofilter(0, 0, number, len(columns) - 1)
    book.close()
    return target


def _write(sheet: Worksheet, place: tuple[int, int], kind: Kind, cell: str, time: Format) -> None:
    if not cell:
        return
    if kind == "time":
        sheet.write_datetime(*place, datetime.fromisoformat(cell), time)
    elif kind == "number" and _NUMBER.fullmatch(cell) and sum(map(str.isdigit, cell)) <= _EXACT_DIGITS:
        sheet.write_number(*place, float(cell))
    else:
        sheet.write_string(*place, cell[:_LONGEST_CELL])
