"""The page on reliability names the test behind each promise: the tests are there."""

import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs/explanation/reliability.md").read_text("utf-8")


def test_every_test_that_the_page_on_reliability_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", _PAGE))
    defined = {
        name
        for path in (_ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }

    assert len(named) > 20
    assert named <= defined, f"no such tests: {sorted(named - defined)}"


def test_every_row_of_the_page_names_a_test() -> None:
    rows = [line for line in _PAGE.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    without = [row for row in rows if "`test_" not in row and not row.endswith("| Test |")]

    assert without == []
