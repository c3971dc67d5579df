"""Every kind of page can be used by everybody, on a desk and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import OpenAs

pytestmark = pytest.mark.integration

DESKTOP, PHONE = 1280, 390


def obstacles(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds serious or worse: the rule, and the first place."""
    return [
        (violation["id"], violation["nodes"][0]["html"])
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize(
    ("role", "address", "row"),
    [
        (None, "/login/", None),
        ("operator", "/", None),
        ("operator", "/mailroom/schedule/", None),
        ("operator", "/mailroom/schedule/", "Dead exchange servers report"),
    ],
    ids=["login", "overview", "list", "form"],
)
def test_a_page_has_no_serious_obstacle_and_fits_the_window(
    open_as: OpenAs, role: str | None, address: str, row: str | None
) -> None:
    page = open_as(role)
    answer = page.goto(address)
    assert answer is not None
    assert answer.ok
    if row is not None:
        page.get_by_role("link", name=row).click()
    for width in (DESKTOP, PHONE):
        page.set_viewport_size({"width": width, "height": 844})
        assert obstacles(page) == [], f"{width} pixels wide"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
