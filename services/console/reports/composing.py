"""The report worker's composer in this process."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stdout

from rich.console import Console

from services.report_worker.composer import Composer
from services.report_worker.settings import ReportSettings
from shared.database.connections import open_pool, reports_url
from shared.settings import Settings


@contextmanager
def composing(settings: Settings) -> Iterator[Composer]:
    """Open a composer with a connection to the monitoring data.

    What it logs goes to standard error, so that standard output is the command's alone; print afterwards.
    """
    with (
        Console(stderr=True).status("composing"),
        redirect_stdout(sys.stderr),
        closing(open_pool(reports_url(settings), "mailroom console", size=1)) as pool,
    ):
        yield Composer(pool, ReportSettings.of(settings))
