"""A database in which a round of housekeeping is made, as the worker role."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from demo.roles import acting_as
from services.scheduler import housekeeping
from services.scheduler.housekeeping import Housekeeping, Removed
from services.scheduler.retention import Expiry, cutoffs
from shared.settings import load_settings
from tests.integration.scheduler.rows import Rows


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """For what other programs write, and to look at what is left."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute("DELETE FROM mailroom.schedule")
        yield connection


@pytest.fixture
def worker(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(acting_as(database_url, "worker"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def keep_house(worker: psycopg.Connection[Any]) -> Callable[..., Removed]:
    """One round, counted from now."""

    def keep(expiry: Expiry | None = None, **options: Any) -> Removed:
        now = housekeeping.clock(worker)
        old = cutoffs(now, load_settings(None, {}), expiry or housekeeping.expiry(worker))
        return Housekeeping(worker, old, **options).run()

    return keep


@pytest.fixture
def rows(owner: psycopg.Connection[Any]) -> Rows:
    owner.execute("INSERT INTO mailroom.bot (host_name) VALUES ('bot1')")
    return Rows(owner)
