"""The scheduler's second thread: it sees to it that a round of housekeeping is made in each interval.

A round may take minutes, and no schedule waits for it. Any number of replicas look; the one that claims a
round makes it.
"""

import threading
from datetime import timedelta

import psycopg
import structlog
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from services.scheduler import housekeeping
from services.scheduler.housekeeping import Housekeeping
from services.scheduler.retention import cutoffs
from shared.settings import Settings
from shared.telemetry.metrics import RETENTION_LAST_SUCCESS, ROWS_PRUNED, begin_at_zero

_log = structlog.get_logger()
#: The longest pause between two looks at whether a round is due.
_LOOK = timedelta(seconds=30)


class Housekeeper:
    """Looks again and again whether a round is due, on a thread of its own.

    Args:
        pool: of connections as the worker role.
        settings: how often, and how old rows get.
    """

    def __init__(self, pool: ConnectionPool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)
        begin_at_zero(ROWS_PRUNED, housekeeping.TABLES)

    def start(self) -> None:
        """Begin to look, unless nothing is ever to be removed."""
        if self._settings.retention.interval:
            self._thread.start()

    def stop(self, timeout: float) -> bool:
        """Finish the batch in progress; tell whether it ended within `timeout` seconds."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause = min(_LOOK, self._settings.retention.interval).total_seconds()
        while not self._stopping.is_set():
            try:
                with self._pool.connection() as connection:
                    connection.autocommit = True
                    self.look(connection)
            except (psycopg.Error, PoolTimeout) as error:
                _log.warning("housekeeping failed", action="housekeeping-failed", reason=str(error))
            except Exception:  # noqa: BLE001 - nobody would begin the next round
                _log.exception("housekeeping failed", action="housekeeping-failed")
            self._stopping.wait(pause)

    def look(self, connection: Connection) -> bool:
        """Make a round if one is due; tell whether one was made.

        Args:
            connection: in autocommit mode.
        """
        horizon = housekeeping.claim(connection, self._settings.retention.interval)
        if horizon is not None:
            removed = Housekeeping(
                connection,
                cutoffs(horizon, self._settings, housekeeping.expiry(connection)),
                stopping=self._stopping.is_set,
                note=lambda table, rows: ROWS_PRUNED.labels(table).inc(rows),
            ).run()
            if removed.whole:
                housekeeping.finish(connection)
            _log.info(
                "house kept" if removed.whole else "house kept in part",
                action="housekeeping",
                rows=dict(removed.rows),
                expired=removed.expired,
                months_created=removed.months_created,
                months_dropped=[f"{month:%Y-%m}" for month in removed.months_dropped],
            )
        RETENTION_LAST_SUCCESS.set(housekeeping.finished_at(connection).timestamp())
        return horizon is not None
