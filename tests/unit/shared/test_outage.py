"""Which errors mean that PostgreSQL is away."""

import psycopg
import pytest
from psycopg import errors
from psycopg_pool import PoolTimeout

from shared.database.connections import is_outage


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError("connection refused"),
        PoolTimeout("no connection within 30 s"),
        errors.AdminShutdown(),
        errors.CannotConnectNow(),
        errors.DiskFull(),
        errors.DeadlockDetected(),
        errors.ReadOnlySqlTransaction(),
    ],
)
def test_what_passes_by_itself_is_an_outage(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error", [errors.QueryCanceled(), errors.UndefinedTable(), errors.UniqueViolation(), ValueError()]
)
def test_what_would_happen_every_time_is_none(error: Exception) -> None:
    assert not is_outage(error)
