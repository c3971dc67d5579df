"""The NDR settings page tells the truth: every setting, its default, and a test that is there."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.settings.ndr import NdrSettings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "ndr-settings.md"
CELLS = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Row:
    """One setting as the page has it."""

    name: str
    default: str
    syntax: str
    effect: str
    test: str


def rows() -> list[Row]:
    cells = [
        CELLS.split(line)[1:-1] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")
    ]
    return [Row(*(cell.strip().strip("`") for cell in row)) for row in cells if len(row) == 5]


def functions_in(path: Path) -> set[str]:
    functions = ast.walk(ast.parse(path.read_text("utf-8")))
    return {node.name for node in functions if isinstance(node, ast.FunctionDef)}


ROWS = rows()


def test_the_page_has_every_ndr_setting_once_and_no_other() -> None:
    assert sorted(row.name for row in ROWS) == sorted(NdrSettings.model_fields)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_default_on_the_page_is_the_settings(row: Row) -> None:
    default = getattr(NdrSettings(), row.name)

    if row.default == "unset":
        assert default is None
    elif row.default == "empty":
        assert not default
        assert default is not None
    else:
        assert getattr(NdrSettings.model_validate({row.name: row.default}), row.name) == default


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_ndr_setting_says_what_it_accepts_and_does(row: Row) -> None:
    assert row.syntax
    assert row.effect.endswith(".")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_test_of_a_setting_is_there(row: Row) -> None:
    path, _, name = row.test.partition("::")

    assert name.startswith("test_")
    assert name in functions_in(ROOT / path)
