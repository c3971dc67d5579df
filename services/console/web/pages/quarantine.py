"""Quarantine: entries that no NDR could be made for, to be put back or discarded."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import truncatechars

from services.console.bounces.queue import requeue
from services.console.web.models import QuarantinedEntry
from services.console.web.pages.entries import RECIPIENT_FIELDS, EntryPage


@admin.register(QuarantinedEntry)
class QuarantinePage(EntryPage):
    """Quarantined entries, the latest first."""

    list_display = ("entry_id", "quarantined_at", "sender", "recipient", "why", "preview")
    ordering = ("-entry_id",)
    actions = ("requeue_selected", *EntryPage.actions)
    fields = ("entry_id", "quarantined_at", "reason", *RECIPIENT_FIELDS)
    readonly_fields = fields

    @admin.display(description="reason")
    def why(self, row: QuarantinedEntry) -> str:
        """Return the beginning of the reason."""
        return truncatechars(row.reason, 120)

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may put entries back."""
        return request.user.has_perm("mailroom.requeue_quarantinedentry")

    @admin.action(
        description="Put selected %(verbose_name_plural)s back into the queue", permissions=["requeue"]
    )
    def requeue_selected(self, request: HttpRequest, queryset: QuerySet[QuarantinedEntry]) -> None:
        """Let the NDR worker try again, as if it never had."""
        entries = self.chosen(request, queryset)
        self.change_entries(request, entries, requeue, "put back into the queue")
