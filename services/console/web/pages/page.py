"""What all pages of the console have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import ModelAdmin, ShowFacets
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.db.transaction import atomic
from django.forms import TextInput
from django.http import HttpRequest
from psycopg import Connection, Cursor
from psycopg.abc import Params
from psycopg.pq import Format
from psycopg.rows import RowFactory, tuple_row
from psycopg.types.json import JsonbLoader

from services.console.web.paging import EstimatingPaginator


class Page(ModelAdmin):
    """A table's list and form; lists never count a large table in full."""

    paginator = EstimatingPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    actions_on_bottom = True
    formfield_overrides = {models.TextField: {"widget": TextInput(attrs={"class": "vTextField"})}}


class ReadOnlyPage(Page):
    """A table that people look at and only services write."""

    def has_add_permission(self, request: HttpRequest, *_: object) -> bool:
        """Nobody adds rows here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Nobody changes rows here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Nobody deletes rows here."""
        return False


def note_change(request: HttpRequest, model: type[models.Model], key: object, label: str, what: str) -> None:
    """Write into the history who did what, where no form did so.

    Args:
        request: of whoever did it.
        model: of what it was done to.
        key: its key.
        label: its name, for people.
        what: done, in the past tense: `Muted until tomorrow.`
    """
    LogEntry.objects.create(
        user_id=request.user.pk or 0,
        content_type=ContentType.objects.get_for_model(model),
        object_id=str(key),
        object_repr=label[:200],
        action_flag=CHANGE,
        change_message=what,
    )


def psycopg_connection() -> Connection[tuple[Any, ...]]:
    """Return this request's own connection, for the functions that the command line uses, too.

    Inside `transaction.atomic()` what they do is part of the transaction.
    """
    connection.ensure_connection()
    return cast("Connection[tuple[Any, ...]]", _OfCommandLine(connection.connection))


@contextmanager
def transaction() -> Iterator[Connection[tuple[Any, ...]]]:
    """Give this request's own connection in a transaction that is committed at its end, whatever follows."""
    with atomic(durable=True):
        yield psycopg_connection()


class _OfCommandLine:
    """Django's connection with cursors as the command line has them: JSON is read, results may be binary."""

    def __init__(self, connection: Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self, *, binary: bool = False, row_factory: RowFactory[Any] = tuple_row) -> Cursor[Any]:
        cursor = Cursor(self._connection, row_factory=row_factory)
        cursor.format = Format(binary)
        cursor.adapters.register_loader("jsonb", JsonbLoader)
        return cursor

    def execute(self, query: str, parameters: Params | None = None) -> Cursor[Any]:
        return self.cursor().execute(query, parameters)
