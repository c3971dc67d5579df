"""The how-to pages: each task of an operator has one with a picture, and everything they link to is there."""

import re
from pathlib import Path

import pytest

_DOCS = Path(__file__).parents[2] / "docs"
_PAGES = sorted([*_DOCS.rglob("*.md"), _DOCS.parent / "README.md"])
_PICTURES = _DOCS / "images/console"
#: What an operator does, by the page that tells how.
_TASKS = (
    "add-a-report.md",
    "change-recipients.md",
    "disable-reports.md",
    "find-out-why-a-sender-got-no-ndr.md",
    "manage-console-users.md",
    "replay-parked-messages.md",
    "send-a-report-now.md",
    "use-the-console.md",
)


def links(page: Path) -> list[str]:
    """Relative targets of a page's links and pictures, without their anchors."""
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    return [target for target in targets if "://" not in target and not target.startswith("mailto:")]


@pytest.mark.parametrize("name", _TASKS)
def test_every_task_of_an_operator_has_a_page_with_a_picture_of_the_console(name: str) -> None:
    assert any(target.startswith("../images/console/") for target in links(_DOCS / "how-to" / name))


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_everything_that_a_page_links_to_is_there(page: Path) -> None:
    assert [target for target in links(page) if not (page.parent / target).exists()] == []


def test_the_table_of_contents_lists_every_how_to_page() -> None:
    listed = set(links(_DOCS / "README.md"))
    assert {f"how-to/{page.name}" for page in (_DOCS / "how-to").glob("*.md")} <= listed


def test_every_picture_of_the_console_is_small_and_on_a_page() -> None:
    pictures = set(_PICTURES.glob("*.png"))
    shown = {(page.parent / target).resolve() for page in _PAGES for target in links(page)}
    assert pictures <= shown
    assert all(picture.stat().st_size < 200_000 for picture in pictures)
