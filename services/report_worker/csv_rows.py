"""Reading a report's rows back out of its CSV, one at a time, so that memory stays flat."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO


@contextmanager
def csv_rows(file: IO[bytes]) -> Iterator[Iterator[list[str]]]:
    """Give the rows below the header line.

    Args:
        file: at its beginning, and left there.
    """
    text = io.TextIOWrapper(file, "utf-8", newline="")
    rows = csv.reader(text)
    next(rows)
    yield rows
    text.detach()  # or the file would be closed with it
    file.seek(0)
