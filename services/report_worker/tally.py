"""Counting a report's rows, for its summary and its chart: failures, and passes and failures by hour."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from services.report_worker.csv_rows import csv_rows
from services.report_worker.report import Column, Tallying

#: Counting reads every row once more; beyond this many, nobody waits for it.
MOST_COUNTED = 100_000

_HOUR = len("2026-11-20T23")


@dataclass(frozen=True, slots=True)
class Tally:
    """What the rows come to.

    Attributes:
        failures: failed rows by what they are told apart by, the most frequent first.
        hours: passed and failed rows by UTC hour as in the CSV (`2026-11-20T23`), in order; empty when the
            report is not counted by time.
    """

    failures: Mapping[str, int]
    hours: Mapping[str, tuple[int, int]]


def tally_rows(file: IO[bytes], columns: Sequence[Column], tallying: Tallying) -> Tally | None:
    """Count the rows of a CSV that begins with its header line; memory stays flat.

    Args:
        file: at its beginning, and left there.
        columns: of the file.
        tallying: which of them count.

    Returns:
        The counts; None when the file lacks one of the columns, because a subscription left it out.
    """
    places = {column.name: place for place, column in enumerate(columns)}
    wanted = {tallying.status, tallying.by} | ({tallying.time} if tallying.time else set())
    if not wanted <= places.keys():
        return None
    status, by = places[tallying.status], places[tallying.by]
    time = places[tallying.time] if tallying.time else None
    failures: Counter[str] = Counter()
    hours: Counter[tuple[str, bool]] = Counter()
    with csv_rows(file) as rows:
        for row in rows:
            failed = row[status] == "FAIL"
            if failed:
                failures[row[by]] += 1
            if time is not None:
                hours[row[time][:_HOUR], failed] += 1
    return Tally(
        dict(sorted(failures.items(), key=lambda item: (-item[1], item[0]))),
        {hour: (hours[hour, False], hours[hour, True]) for hour in sorted({hour for hour, _ in hours})},
    )
