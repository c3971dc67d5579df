"""Pages of a list, without counting a large table in full."""

from functools import cached_property

from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet

from shared.database.statements import load_statements

_SQL = load_statements("services.console.web", "paging.sql")
#: Rows up to which a filtered list is counted; with more there are that many pages and no more.
COUNTED = 10_000


class EstimatingPaginator(Paginator):
    """Counts a filtered list up to a bound, and takes PostgreSQL's estimate for a whole table."""

    @cached_property
    def count(self) -> int:
        """Return how many rows the list has, as far as its pages go."""
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        counted = rows.order_by()[: COUNTED + 1].count()
        if counted <= COUNTED:
            return counted
        return COUNTED if rows.query.where else max(counted, _estimate(rows.model._meta.db_table))


def _estimate(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_SQL["estimate"], {"table": table})
        return int(cursor.fetchone()[0])


class BoundedPaginator(EstimatingPaginator):
    """Ends where people end: what lies deeper in a large table is found by a search or a filter."""

    @cached_property
    def count(self) -> int:
        """Return how many rows the pages reach."""
        return min(COUNTED, super().count)

    @property
    def ends_early(self) -> bool:
        """Tell whether there may be more rows than the pages reach."""
        return self.count >= COUNTED
