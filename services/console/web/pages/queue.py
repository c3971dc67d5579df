"""The bounce queue: what waits for its NDR, and what belongs to the MTA."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.template.defaultfilters import truncatechars
from django.utils import timezone
from django.utils.timesince import timesince

from services.console.web.models import QueueEntry
from services.console.web.pages.entries import OURS, RECIPIENT_FIELDS, EntryPage

_OURS = Q(status__in=OURS)
_LEASED = Q(leased_until__gt=Now())


class StateFilter(admin.SimpleListFilter):
    """Where an entry is on its way to an NDR."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [
            ("waiting", "waiting for its NDR"),
            ("leased", "leased by a worker"),
            ("deferred", "deferred: the MTA tries again"),
            ("ready", "ready: the MTA has not tried yet"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[QueueEntry]) -> QuerySet[QueueEntry]:
        """Leave the entries of one state."""
        match self.value():
            case "waiting":
                return queryset.filter(_OURS & ~(_LEASED & Q(leased_until__isnull=False)))
            case "leased":
                return queryset.filter(_OURS & _LEASED)
            case None:
                return queryset
            case status:
                return queryset.filter(status=status)


@admin.register(QueueEntry)
class QueuePage(EntryPage):
    """Entries of the queue, the latest first."""

    list_display = ("entry_id", "state", "sender", "recipient", "smtp_status", "reply", "age", "preview")
    list_filter = (StateFilter,)
    ordering = ("-entry_id",)
    fields = (
        "entry_id",
        "state",
        *RECIPIENT_FIELDS,
        "ndr_id",
        "leased_until",
    )
    readonly_fields = fields

    @admin.display
    def state(self, row: QueueEntry) -> str:
        """Say where it is on its way to an NDR."""
        if row.status not in OURS:
            return row.status
        leased = row.leased_until is not None and row.leased_until > timezone.now()
        return "leased" if leased else "waiting"

    @admin.display(description="diagnostic")
    def reply(self, row: QueueEntry) -> str:
        """Return the beginning of the diagnostic."""
        return truncatechars(row.diagnostic or "", 80)

    @admin.display
    def age(self, row: QueueEntry) -> str:
        """Say for how long it has been bounced, or in the queue."""
        return timesince(row.bounced_at or row.last_attempt_at or row.message.received_at, depth=1)
