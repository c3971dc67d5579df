"""The page on traces tells the truth: every step and event there is in the code, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/traces.md").read_text("utf-8")
CODE = "\n".join(
    path.read_text("utf-8") for room in ("services", "shared") for path in (ROOT / room).rglob("*.py")
)


def first_cells(heading: str) -> set[str]:
    """The code in the first cells of the table below a heading of its own columns."""
    table = PAGE.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return set(re.findall(r"^\| `([^`]+)`", table, re.MULTILINE))


def test_the_page_has_every_step_and_no_other() -> None:
    named = set(re.findall(r"tracing\.(?:span|begin)\(\s*\"([^\"]+)\"", CODE))
    assert first_cells("Step") == named | {"publish KEY", "process QUEUE"}


def test_the_page_has_every_event_and_no_other() -> None:
    assert first_cells("Event") == set(re.findall(r"tracing\.event\(\s*\"([^\"]+)\"", CODE))
