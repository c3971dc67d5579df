"""The reference page tells the truth about reports and preferences."""

from pathlib import Path

import pytest

from services.report_worker.catalogue import Catalogue
from services.report_worker.preference_registry import REGISTRY
from services.report_worker.report import Report

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "reports.md").read_text("utf-8")
REPORTS = Catalogue.load().reports


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_every_report_is_described_with_subscription_columns_and_wording(report: Report) -> None:
    rows, columns, wording = (line for line in PAGE.splitlines() if line.startswith(f"| `{report.name}` |"))
    assert f"| {report.subscription} |" in rows
    headings = ", ".join(column.heading for column in report.columns)
    names = ", ".join(f"`{column.name}`" for column in report.columns)
    assert columns.endswith(f"| {headings} | {names} |")
    assert f"| {report.subject} | {report.without_rows.subject}" in wording
    assert ("| always |" in wording) == (report.send_empty == "always")


def test_every_preference_is_described_with_kind_default_and_help() -> None:
    described = [line for line in PAGE.splitlines() if line.startswith("| `exchange__")]
    assert described == [
        f"| `{known.key}` | {known.kind} | `{known.default}` | {known.help} |" for known in REGISTRY
    ]


def test_every_picture_is_there_and_small() -> None:
    pictures = [line.partition("](")[2].rstrip(")") for line in PAGE.splitlines() if line.startswith("![")]
    assert len(pictures) == 8
    for picture in pictures:
        assert 0 < (ROOT / "docs" / "reference" / picture).resolve().stat().st_size < 150_000
