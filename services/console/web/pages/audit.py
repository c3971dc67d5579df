"""The NDR audit: what became of every bounced entry."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.template.defaultfilters import truncatechars
from django.utils import timezone

from services.console.bounces.audit import first_since
from services.console.deliveries.origins import UUID_FORM
from services.console.web.models import AuditRecord
from services.console.web.pages.entries import ExplainedPage
from services.console.web.pages.page import psycopg_connection
from services.ndr_worker.issue import HELD, QUARANTINED, REPORTED, SUCCESS_REPORTED
from services.ndr_worker.policy import Discard

#: What the NDR worker writes, and what `discard` of the console does.
_ACTIONS = (REPORTED, SUCCESS_REPORTED, HELD, QUARANTINED, *Discard, "discarded-by-operator")
_SPANS = {
    "hour": ("the last hour", timedelta(hours=1)),
    "day": ("the last 24 hours", timedelta(days=1)),
    "week": ("the last 7 days", timedelta(days=7)),
    "month": ("the last 30 days", timedelta(days=30)),
}


class ActionFilter(admin.SimpleListFilter):
    """What became of an entry."""

    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the actions."""
        return [(str(action), str(action)) for action in _ACTIONS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
        """Leave the records of one action."""
        return queryset.filter(action=self.value()) if self.value() else queryset


class SinceFilter(admin.SimpleListFilter):
    """Records of the latest time; found by their ids, which the table is sorted by."""

    title = "time"
    parameter_name = "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the spans."""
        return [(name, label) for name, (label, _) in _SPANS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
        """Leave the records of the span up to now."""
        if self.value() not in _SPANS:
            return queryset
        _, span = _SPANS[str(self.value())]
        first = first_since(psycopg_connection(), timezone.now() - span)
        return queryset.none() if first is None else queryset.filter(audit_id__gte=first)


@admin.register(AuditRecord)
class AuditPage(ExplainedPage):
    """Audit records, the latest first."""

    list_display = ("audited_at", "action", "entry_id", "reverse_path", "recipient", "smtp_status", "reply")
    list_filter = (ActionFilter, SinceFilter)
    ordering = ("-audit_id",)
    search_fields = ("sender",)
    search_help_text = (
        "A whole address of a sender or recipient, <> for the null sender, or the id of an entry or NDR."
    )
    fields = (
        "audited_at",
        "action",
        "entry_id",
        "message_id",
        "ndr_id",
        "reverse_path",
        "recipient",
        "smtp_status",
        "enhanced_status",
        "diagnostic",
        "received_at",
        "received_from",
    )
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Find by an index: an address in any case, the number of an entry, or the id of an NDR."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isdecimal():
            return queryset.filter(entry_id=int(term[:18])), False
        if found := UUID_FORM.search(term):
            return queryset.filter(ndr_id=UUID(found[0])), False
        address = Lower(Value("" if term == "<>" else term))
        lowered = queryset.alias(lower_sender=Lower("sender"), lower_recipient=Lower("recipient"))
        return lowered.filter(Q(lower_sender=address) | Q(lower_recipient=address)), False

    def sender_of(self, row: AuditRecord) -> str:
        """Return the reverse-path; the message may be gone."""
        return row.sender

    @admin.display(description="reverse-path")
    def reverse_path(self, row: AuditRecord) -> str:
        """Return the reverse-path, the null one as it is written."""
        return row.sender or "<>"

    @admin.display(description="diagnostic")
    def reply(self, row: AuditRecord) -> str:
        """Return the beginning of the diagnostic."""
        return truncatechars(row.diagnostic or "", 80)
