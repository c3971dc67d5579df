"""Pictures of report mails for the documentation: really composed from the sample, photographed by Chromium.

Run it as `python docs/images/make_report_screenshots.py`; it writes the PNGs beside itself. It needs a
PostgreSQL server (found as `make demo` finds one) and `chromium` on PATH.
"""  # noqa: INP001  # a script of the documentation, no part of a package

import email
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import psycopg
from psycopg_pool import ConnectionPool

from demo.servers.postgresql import find_postgresql
from services.console.sample_data.load import load_sample
from services.console.sample_data.topology import SILENT_SITE
from services.report_worker.catalogue import Catalogue
from services.report_worker.composer import Composer
from services.report_worker.preview import Occasion, preview_report
from services.report_worker.settings import ReportSettings
from shared.database.migrate import migrate

_NOMINAL_AT = datetime(2026, 11, 20, 23, 45, tzinfo=UTC)
_SETTINGS = ReportSettings("mailroom.example.com", body_rows=6)
#: Picture name to report, scope and the schedule in its footer.
_MAILS: dict[str, tuple[str, dict[str, str] | None, str]] = {
    "events-by-site": ("events-by-site", {"site": "Squamish"}, "Exchange send receive by site report"),
    "no-send-servers": ("no-send-servers", None, "No send exchange servers report"),
    "no-failed-events": (
        "failed-events-by-bot",
        {"bot": "spare-bot1"},
        "Exchange send receive by bot report",
    ),
    "site-without-events": ("events-by-site", {"site": SILENT_SITE}, "Exchange send receive by site report"),
}
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: Width to height in CSS pixels by picture name; a screen shows as much.
_DESKTOP, _PHONE = 900, 400
_HEIGHTS = {
    ("events-by-site", _DESKTOP): 820,
    ("events-by-site", _PHONE): 940,
    ("no-send-servers", _DESKTOP): 560,
    ("no-send-servers", _PHONE): 720,
    ("no-failed-events", _DESKTOP): 360,
    ("no-failed-events", _PHONE): 580,
    ("site-without-events", _DESKTOP): 360,
    ("site-without-events", _PHONE): 640,
}


def mails(url: str) -> Iterator[tuple[str, EmailMessage]]:
    """Load the sample into the empty database at `url` and compose the mails."""
    migrate(url)
    reports = Catalogue.load().reports
    with (
        psycopg.connect(url, autocommit=True) as connection,
        ConnectionPool(url, min_size=1, max_size=1, open=True) as pool,
    ):
        load_sample(connection, seed=1, scale=1, now=_NOMINAL_AT)
        composer = Composer(pool, _SETTINGS)
        for name, (report, scope, schedule) in _MAILS.items():
            occasion = Occasion(_NOMINAL_AT, scope, schedule=schedule)
            preview = preview_report(connection, composer, reports[report], occasion, _NOMINAL_AT)
            message = email.message_from_bytes(preview.letter.message or b"", policy=default)
            yield name, message


def html_of(message: EmailMessage) -> str:
    """Return the HTML of a mail."""
    body = message.get_body(("html",))
    if body is None:
        raise LookupError("the mail has no HTML")
    return str(body.get_content())


def photograph(chromium: str, html: str, width: int, height: int, target: Path) -> None:
    """Let Chromium show a page at a size and write what is seen."""
    with tempfile.TemporaryDirectory() as directory:
        page = Path(directory) / "mail.html"
        # Chromium has no window narrower than 500 pixels; a frame is as narrow as it is told
        inner = Path(directory) / "inner.html"
        inner.write_text(html, "utf-8")
        page.write_text(
            '<body style="margin:0; background:#cbd2d9; text-align:center">'
            f'<iframe src="inner.html" style="border:0; background:#fff" width={width} height={height}>'
        )
        subprocess.run(  # noqa: S603  # the program found on PATH, with our own arguments
            [
                chromium,
                *_FLAGS,
                f"--user-data-dir={directory}/profile",
                f"--window-size={max(width, 500)},{height}",
                f"--screenshot={target}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


def main() -> int:
    """Write all pictures; 1 when there is no Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stderr.write("chromium is not on PATH; install it to make the pictures\n")
        return 1
    folder = Path(__file__).parent
    with find_postgresql(os.environ) as server, server.fresh_database("screenshots") as url:
        for name, message in mails(url):
            for width, kind in ((_DESKTOP, "desktop"), (_PHONE, "phone")):
                target = folder / f"{name}-{kind}.png"
                photograph(chromium, html_of(message), width, _HEIGHTS[name, width], target)
                sys.stdout.write(f"{target.name}: {target.stat().st_size // 1024} KiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
