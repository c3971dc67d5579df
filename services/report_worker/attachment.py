"""How the rows travel with the mail: as a workbook or CSV, zipped when that is too large, or not at all."""

import re
import shutil
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from tempfile import SpooledTemporaryFile
from typing import IO

from services.report_worker.report import Column
from services.report_worker.workbook import MOST_ROWS, write_workbook

_UNSAFE = re.compile(r"[^\w.-]+")
_LONGEST_PART = 80


class Form(Enum):
    """The steps of the ladder; it begins with the workbook where a subscription wants one."""

    XLSX = "xlsx"
    CSV = "csv"
    ZIP = "zip"
    OMITTED = "omitted"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as it goes into the mail."""

    file_name: str
    maintype: str
    subtype: str
    content: bytes


def attach(
    file: IO[bytes], size: int, limit: int, *, stem: str, nominal_at: datetime
) -> tuple[Form, Attachment | None]:
    """Take the first step of the ladder on which the rows fit.

    Args:
        file: the CSV, at its beginning.
        size: its length in bytes.
        limit: most bytes an attachment may take in the mail, that is in base64.
        stem: file name without suffix, from `file_stem`.
        nominal_at: the time written into a zip, so that the same rows give the same bytes.
    """
    form = choose_form(size, None, limit)
    if form is Form.CSV:
        return form, Attachment(f"{stem}.csv", "text", "csv", file.read())
    with SpooledTemporaryFile(max_size=limit) as zipped:
        _zip(file, zipped, f"{stem}.csv", nominal_at)
        zip_size = zipped.tell()
        form = choose_form(size, zip_size, limit)
        if form is Form.OMITTED:
            return form, None
        zipped.seek(0)
        return form, Attachment(f"{stem}.zip", "application", "zip", zipped.read())


def attach_workbook(
    file: IO[bytes],
    size: int,
    limit: int,
    *,
    columns: Sequence[Column],
    row_count: int,
    title: str,
    stem: str,
    nominal_at: datetime,
) -> tuple[Form, Attachment | None]:
    """Attach the rows as a workbook; one that does not fit a sheet or a mail goes down the ladder as CSV.

    Args:
        file: as for `attach`; likewise size, limit, stem and nominal_at.
        size: see there.
        limit: see there.
        columns: of the CSV.
        row_count: of the CSV, without its header line.
        title: of the workbook.
        stem: see there.
        nominal_at: see there.
    """
    if row_count <= MOST_ROWS:
        with write_workbook(file, columns, title, nominal_at) as workbook:
            if encoded_size(workbook.tell()) <= limit:
                workbook.seek(0)
                subtype = "vnd.openxmlformats-officedocument.spreadsheetml.sheet"
                return Form.XLSX, Attachment(f"{stem}.xlsx", "application", subtype, workbook.read())
    return attach(file, size, limit, stem=stem, nominal_at=nominal_at)


def choose_form(csv_size: int, zip_size: int | None, limit: int) -> Form:
    """Decide how rows travel; sizes and limit in bytes, `zip_size` None while it is not known."""
    if encoded_size(csv_size) <= limit:
        return Form.CSV
    if zip_size is None or encoded_size(zip_size) <= limit:
        return Form.ZIP
    return Form.OMITTED


def encoded_size(size: int) -> int:
    """Return how many bytes `size` bytes take in base64 lines of 76 characters and CRLF (RFC 2045 6.8)."""
    lines, rest = divmod(size, 57)
    return lines * 78 + ((rest + 2) // 3 * 4 + 2 if rest else 0)


def file_stem(report: str, entity: str | None, nominal_at: datetime) -> str:
    """Return a file name without suffix: report, entity and nominal time, safe on every file system."""
    parts = [report, entity, nominal_at.astimezone(UTC).strftime("%Y-%m-%dT%H-%MZ")]
    return "_".join(_safe(part) for part in parts if part)


def _safe(part: str) -> str:
    text = _UNSAFE.sub("-", unicodedata.normalize("NFC", part)).strip("-.")
    return text[:_LONGEST_PART] or "unnamed"


def _zip(source: IO[bytes], target: IO[bytes], name: str, nominal_at: datetime) -> None:
    moment = nominal_at.astimezone(UTC)
    entry = zipfile.ZipInfo(name, (moment.year, moment.month, moment.day, moment.hour, moment.minute, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(target, "w") as archive, archive.open(entry, "w", force_zip64=True) as zipped:
        shutil.copyfileobj(source, zipped, 1 << 20)
