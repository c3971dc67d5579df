"""Pages of what is enabled or disabled, and of rows that services write while people look at them."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from services.console.web.forms.rows import RowForm
from services.console.web.pages.page import Page, note_change, transaction


class ChangePage(Page):
    """A form that stores the fields that were changed, and so leaves alone what a service wrote meanwhile."""

    row_form: type[RowForm] = RowForm

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[ModelForm]:
        """Make the form of a row of the list."""
        form: type[ModelForm] = super().get_changelist_form(request, form=self.row_form, **kwargs)
        return form

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:  # noqa: FBT001 - Django's own signature
        """Store a new row, or the changed fields of an old one."""
        obj.save(update_fields=self.fields_to_store(request, obj, form) if change else None)

    def fields_to_store(self, request: HttpRequest, obj: Any, form: ModelForm) -> list[str]:
        """Return the names of the fields to store, after setting those that follow from the others."""
        return list(form.changed_data)


class SwitchedPage(ChangePage):
    """Rows with the field `enabled`, which can be switched many at a time."""

    actions: Sequence[Any] = ("enable_selected", "disable_selected")

    @admin.action(description="Enable selected %(verbose_name_plural)s", permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Enable those that are not."""
        self.switch_rows(request, list(queryset), enabled=True)

    @admin.action(description="Disable selected %(verbose_name_plural)s", permissions=["change"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Disable those that are not."""
        self.switch_rows(request, list(queryset), enabled=False)

    def switch_rows(self, request: HttpRequest, rows: Sequence[Any], *, enabled: bool) -> None:
        """Switch rows, write it into the history, and tell."""
        word = "enabled" if enabled else "disabled"
        with transaction():
            changed = self.switch(request, [row for row in rows if row.enabled != enabled], enabled=enabled)
            for row in changed:
                note_change(request, self.model, row.pk, str(row), f"{word.capitalize()}.")
        if changed:
            self.message_user(request, f"{self.counted(changed)} {word}.", messages.SUCCESS)
        else:
            self.message_user(request, f"Nothing to do: {word} already.", messages.INFO)

    def switch(self, request: HttpRequest, rows: Sequence[Any], *, enabled: bool) -> Sequence[Any]:
        """Store it; returns the rows that changed."""
        self.model._default_manager.filter(pk__in=[row.pk for row in rows]).update(enabled=enabled)
        return rows

    def counted(self, rows: Sequence[Any]) -> str:
        """Return how many, in words: 1 server, 2 servers."""
        names = self.opts.verbose_name if len(rows) == 1 else self.opts.verbose_name_plural
        return f"{len(rows)} {names}"
