import io
import zipfile
from xml.etree import ElementTree as ET

from services.report_worker.attachment import Form, attach_workbook
from services.report_worker.report import Column
from services.report_worker.workbook import MOST_ROWS, write_workbook
from tests.unit.report_worker.samples import NOMINAL_AT

COLUMNS = (Column("name", "Näme"), Column("at", "At", "time"), Column("count", "Count", "number"))
CSV = (
    "\N{BYTE ORDER MARK}Näme,At,Count\r\n"
    "'=1+1,2026-11-20T11:15:08.127784+00:00,12.5\r\n"
    "http://example.com,,12345678901234567890\r\n"
    '"{=1}\r\nzwei",,NaN\r\n'
).encode()
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def workbook(csv: bytes = CSV) -> bytes:
    with write_workbook(io.BytesIO(csv), COLUMNS, "Title", NOMINAL_AT) as file:
        file.seek(0)
        return file.read()


def cells(content: bytes) -> list[list[tuple[str, str]]]:
    """Type and text of every cell, row by row."""
    sheet = zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml")
    return [
        [(cell.get("t", "n"), "".join(cell.itertext())) for cell in row]
        for row in ET.fromstring(sheet).iter(f"{_MAIN}row")  # noqa: S314  # our own workbook
    ]


def test_texts_are_strings_times_are_dates_and_numbers_are_numbers_as_far_as_they_are_exact() -> None:
    header, first, second, third = cells(workbook())
    assert [text for _, text in header] == ["Näme", "At", "Count"]
    assert first[0] == ("inlineStr", "'=1+1")
    assert first[1][0] == "n"
    assert first[1][1].startswith("46346.46")
    assert first[2] == ("n", "12.5")
    assert second == [("inlineStr", "http://example.com"), ("inlineStr", "12345678901234567890")]
    assert third[-1] == ("inlineStr", "NaN")
    assert b"<f>" not in zipfile.ZipFile(io.BytesIO(workbook())).read("xl/worksheets/sheet1.xml")


def test_the_same_rows_give_the_same_bytes() -> None:
    assert workbook() == workbook()


def attached(row_count: int, limit: int) -> tuple[Form, str | None]:
    form, attachment = attach_workbook(
        io.BytesIO(CSV),
        len(CSV),
        limit,
        columns=COLUMNS,
        row_count=row_count,
        title="T",
        stem="x",
        nominal_at=NOMINAL_AT,
    )
    return form, attachment.file_name if attachment else None


def test_a_workbook_that_does_not_fit_goes_down_the_ladder_as_csv() -> None:
    assert attached(3, 1 << 20) == (Form.XLSX, "x.xlsx")
    assert attached(3, 1000) == (Form.CSV, "x.csv")
    assert attached(3, 10) == (Form.OMITTED, None)
    assert attached(MOST_ROWS + 1, 1 << 20) == (Form.CSV, "x.csv")
