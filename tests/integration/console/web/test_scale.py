"""Every list of the console, and its overview, with a million audit records and a hundred thousand runs."""

import statistics
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from shared.database.statements import load_statements
from shared.settings import Settings

pytestmark = pytest.mark.integration
SQL = load_statements("tests.integration.console.web", "scale.sql")
ROWS = {
    "audit": 1_000_000,
    "runs": 100_000,
    "deliveries": 20_000,
    "messages": 5_000,
    "entries": 5_000,
    "quarantine": 500,
}
#: What the console has promised of each list, whatever the tables hold.
QUERIES = 20
SECONDS = 1.0


@pytest.fixture(scope="module", autouse=True)
def crowd(console: Settings, database: psycopg.Connection) -> None:
    """As many rows as an old installation has."""
    database.execute("SET synchronous_commit = off; SET maintenance_work_mem = '256MB'")
    indexes = database.execute(SQL["indexes"]).fetchall()
    for drop, _ in indexes:
        database.execute(drop)
    for name, rows in ROWS.items():
        database.execute(SQL[name], {"rows": rows})
    for _, create in indexes:
        database.execute(create)
    database.execute("VACUUM ANALYZE")


@pytest.fixture(scope="module")
def admin(console: Settings) -> Any:
    """Somebody who may see every page."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client(headers={"host": "localhost"})
    client.force_login(
        User.objects.create_superuser("root", "", ""), "django.contrib.auth.backends.ModelBackend"
    )
    return client


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what is sent to the database, by Django and past it."""
    counts: Counter[str] = Counter()
    execute = psycopg.Cursor.execute

    def counting(cursor: Any, query: Any, *rest: Any, **options: Any) -> Any:
        counts[str(query)] += 1
        return execute(cursor, query, *rest, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", counting)
    return counts


def test_each_list_its_search_and_its_filters_take_few_queries_and_little_time(
    admin: Any, executed: Counter[str]
) -> None:
    from django.contrib.admin import site

    measured = {
        address: measure(admin, address, executed)
        for model in site._registry
        for address in addresses(admin, f"/{model._meta.app_label}/{model._meta.model_name}/")
    }
    assert len(measured) > len(site._registry)
    assert {address: took for address, took in measured.items() if took[0] >= QUERIES} == {}
    assert {address: took for address, took in measured.items() if took[1] >= SECONDS} == {}


def test_the_overview_takes_little_time(admin: Any, executed: Counter[str]) -> None:
    timed(admin, "/")
    _, seconds = measure(admin, "/", executed)
    assert seconds < SECONDS


def addresses(admin: Any, page: str) -> Iterator[str]:
    """The list, its last page, counts of its filters, searches for some and for nobody, each filter."""
    shown = admin.get(page).context  # which also fills the caches
    yield page
    if "cl" not in shown:
        return
    changes = shown["cl"]
    yield f"{page}?_facets=True"
    if changes.paginator.num_pages > 1:
        yield f"{page}?p={changes.paginator.num_pages}"
    if changes.search_fields:
        yield f"{page}?q=user77@example.org"
        yield f"{page}?q=nobody"
    for spec in changes.filter_specs:
        choices = [choice["query_string"] for choice in spec.choices(changes) if not choice["selected"]]
        yield from (f"{page}{choice}" for choice in choices[-1:])


def measure(admin: Any, address: str, executed: Counter[str]) -> tuple[int, float]:
    """Return how many queries a page takes and, by the median of three, how many seconds."""
    executed.clear()
    seconds = [timed(admin, address) for _ in range(3)]
    return executed.total() // 3, statistics.median(seconds)


def timed(admin: Any, address: str) -> float:
    began = time.perf_counter()
    assert admin.get(address).status_code == 200, address
    return time.perf_counter() - began
