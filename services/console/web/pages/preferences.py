"""Preferences: what is tuned for all reports at once, on one page, stored or not."""

from itertools import groupby
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from services.console.preferences.preferences import list_preferences, set_preference
from services.console.preferences.search import matching
from services.console.web.forms.preferences import PreferencesForm
from services.console.web.models import Preference
from services.console.web.pages.page import Page, note_change, psycopg_connection, transaction


@admin.register(Preference)
class PreferencePage(Page):
    """Every preference of the registry with its value; without a row, its default."""

    class Media:
        css = {"all": ("admin/css/forms.css", "console/preferences/preferences.css")}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the preferences that have the words of `q`, and store those that were changed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        editable = self.has_change_permission(request)
        if request.method == "POST" and not editable:
            raise PermissionDenied
        words = request.GET.get("q", "")
        preferences = matching(list_preferences(psycopg_connection()).values(), words)
        form = PreferencesForm(request.POST or None, preferences=preferences, editable=editable)
        if form.is_valid():
            self._store(request, form.changes())
            return HttpResponseRedirect(request.get_full_path())
        context = {
            **self.admin_site.each_context(request),
            "title": "Preferences",
            "opts": self.opts,
            "media": self.media,
            "words": words,
            "form": form,
            "editable": editable,
            "sections": [
                (section, list(editors))
                for section, editors in groupby(
                    form.editors(), key=lambda editor: editor.preference.key.partition("__")[0]
                )
            ],
            **(extra_context or {}),
        }
        return TemplateResponse(request, "console/preferences/list.html", context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """Lead to the one preference on the page of all."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, object_id or "")
        if row is None:
            raise Http404
        return HttpResponseRedirect(reverse("admin:mailroom_preference_changelist", query={"q": str(row)}))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody makes up a preference."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody takes one away."""
        return False

    def _store(self, request: HttpRequest, changes: dict[str, str]) -> None:
        with transaction() as connection:
            for key, text in changes.items():
                before = set_preference(connection, key, text)
                section, _, name = key.partition("__")
                row = Preference.objects.get(section=section, name=name)
                note_change(request, Preference, row.pk, key, f"{before.value} → {row.value}")
        if changes:
            self.message_user(request, f"Changed: {', '.join(changes)}.", messages.SUCCESS)
        else:
            self.message_user(request, "Nothing was changed.", messages.INFO)
