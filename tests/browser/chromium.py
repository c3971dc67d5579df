"""Debian's Chromium, driven by Playwright: where it is, and how it is started."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from shared.errors import MailroomError
from tests import debian_packages

#: Nothing but the pages: no sandbox for root, no services of the browser's maker.
_FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class NoChromium(MailroomError):
    """There is no Chromium."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Have a browser without a window.

    Raises:
        NoChromium: it is not installed, and may not be installed here.
    """
    program = _find_program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_FLAGS])
        try:
            yield browser
        finally:
            browser.close()


def _find_program() -> str:
    if shutil.which("chromium") is None and debian_packages.may_install():
        debian_packages.install("chromium")
    if (program := shutil.which("chromium")) is None:
        raise NoChromium("Chromium is not on PATH (Debian: apt install chromium)")
    return program
