"""Composing reports in the console's process: connections to the monitoring data, while a page needs them."""

from functools import lru_cache

from django.conf import settings as configured
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool, NullConnectionPool

from services.console.web.project import mailroom_settings
from services.report_worker.composer import Composer
from services.report_worker.settings import ReportSettings
from shared.settings import Settings

#: Report queries that run at once for people who look; more have to wait.
_AT_ONCE = 2
#: Seconds that one of them waits.
_PATIENCE = 20


def reports_pool() -> ConnectionPool:
    """Return this process's connections to the monitoring data, as the role that may read nothing else.

    None stays open while nobody looks.
    """
    return _pool(_reports_conninfo(mailroom_settings()))


def report_composer() -> Composer:
    """Return the report worker's composer, for this process."""
    return Composer(reports_pool(), ReportSettings.of(mailroom_settings()))


@lru_cache(maxsize=1)
def _pool(conninfo: str) -> ConnectionPool:
    return NullConnectionPool(
        conninfo,
        max_size=_AT_ONCE,
        timeout=_PATIENCE,
        kwargs={"application_name": "mailroom console", "connect_timeout": 10},
        name="mailroom console",
        open=True,
    )


def _reports_conninfo(settings: Settings) -> str:
    """The replica as its URL has it; else the one database there is, whoever the URL acts as."""
    if settings.reports_database_url:
        return settings.reports_database_url
    role = f"{configured.DATABASES['default']['NAME']}_reports"
    return make_conninfo(settings.database_url, options=f"-c role={role}")
