"""What all pages of the console have in common."""

from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import ModelAdmin
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.forms import TextInput
from django.http import HttpRequest
from psycopg import Connection

from services.console.web.paging import EstimatingPaginator


class Page(ModelAdmin):
    """A table's list and form; lists never count a large table in full."""

    paginator = EstimatingPaginator
    show_full_result_count = False
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
    raw: Connection[tuple[Any, ...]] = connection.connection
    return raw
