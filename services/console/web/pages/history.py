"""History: who changed what, and when."""

from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from services.console.web.pages.page import ReadOnlyPage

_VERBS = {ADDITION: "added", CHANGE: "changed"}


@admin.register(LogEntry)
class HistoryPage(ReadOnlyPage):
    """Every change made in the console; those of the command line are in its own logs."""

    list_display = ("at", "who", "did", "kind", "what", "changes")
    list_display_links = None
    list_filter = ("action_time", "user")
    list_select_related = ("user", "content_type")
    search_fields = ("user__username", "object_repr", "change_message")
    search_help_text = "A user, a thing, or words of the change."
    ordering = ("-action_time",)

    def has_view_permission(self, request: HttpRequest, obj: LogEntry | None = None) -> bool:
        """The list is all there is to see; an entry has no page of its own."""
        return obj is None and super().has_view_permission(request, obj)

    @admin.display(description="when", ordering="action_time")
    def at(self, entry: LogEntry) -> object:
        """Return when it was done."""
        return entry.action_time

    @admin.display(description="who", ordering="user__username")
    def who(self, entry: LogEntry) -> str:
        """Return who did it."""
        return entry.user.get_username()

    @admin.display(description="did", ordering="action_flag")
    def did(self, entry: LogEntry) -> str:
        """Return what kind of change it was."""
        return _VERBS.get(entry.action_flag, "deleted")

    @admin.display(description="kind", ordering="content_type")
    def kind(self, entry: LogEntry) -> str:
        """Return what kind of thing was changed."""
        return entry.content_type.name if entry.content_type else ""

    @admin.display(description="what", ordering="object_repr")
    def what(self, entry: LogEntry) -> str:
        """Return what was changed, with the way to it where it still has a page."""
        address = _address(entry)
        if address is None:
            return entry.object_repr
        return format_html('<a href="{}">{}</a>', address, entry.object_repr)

    @admin.display(description="changes", ordering="change_message")
    def changes(self, entry: LogEntry) -> str:
        """Return what was changed in it."""
        return entry.get_change_message()


def _address(entry: LogEntry) -> str | None:
    if entry.content_type is None or not entry.object_id or entry.is_deletion():
        return None
    kind = f"{entry.content_type.app_label}_{entry.content_type.model}"
    try:
        return reverse(f"admin:{kind}_change", args=[entry.object_id])
    except NoReverseMatch:
        return None
