"""What the pages of bounced entries have in common, wherever the entries are."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from psycopg import Connection

from services.console.bounces.history import read_entry
from services.console.bounces.queue import discard
from services.console.bounces.why import explain
from services.console.web.confirmation import ask, is_confirmed
from services.console.web.pages.bounded import BoundedPage
from services.console.web.pages.page import note_change, psycopg_connection, transaction
from services.console.web.project import mailroom_settings
from shared.errors import MailroomError

#: Entries that one action takes at most: as many as a person can want to have read.
_AT_ONCE = 1000
#: What was known of a recipient when it bounced: the middle of an entry's page, wherever the entry is.
RECIPIENT_FIELDS = (
    "sender",
    "recipient",
    "original_recipient",
    "notify",
    "smtp_status",
    "enhanced_status",
    "diagnostic",
    "remote_mta",
    "remote_ip",
    "attempts",
    "last_attempt_at",
    "bounced_at",
)
#: The statuses of entries that the NDR worker takes; the others are the MTA's.
OURS = ("bounced", "delivered")


class ExplainedPage(BoundedPage):
    """A page whose rows are about one entry, with the reasons why somebody got an NDR or got none."""

    change_form_template = "console/bounces/entry.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one, with its reasons."""
        row = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if row is not None:
            history = read_entry(psycopg_connection(), row.entry_id)
            context["previewed"] = self.has_preview(row)
            context["answers"] = explain(history, sink=mailroom_settings().ndr.sink)
            context["addresses"] = [address for address in (self.sender_of(row), row.recipient) if address]
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def has_preview(self, row: Any) -> bool:
        """Tell whether there is an NDR to look at: the entry is not dealt with, and is not the MTA's."""
        return False

    def sender_of(self, row: Any) -> str:
        """Return the reverse-path of the entry's message."""
        return str(row.message.sender)


class EntryPage(ExplainedPage):
    """Entries that something can still be done about."""

    list_select_related = ("message",)
    search_fields = ("recipient",)
    search_help_text = "A part of the sender's or the recipient's address, or the number of an entry."
    actions: Sequence[str] = ("discard_selected",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Find by a part of an address, or by number."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isdecimal():
            return queryset.filter(pk=int(term[:18])), False
        return queryset.filter(Q(recipient__icontains=term) | Q(message__sender__icontains=term)), False

    @admin.display(description="reverse-path")
    def sender(self, row: Any) -> str:
        """Return the reverse-path, the null one as it is written."""
        return row.message.sender or "<>"

    def has_preview(self, row: Any) -> bool:
        """Tell whether it waits for an NDR, or would again if it were put back."""
        return row.status in OURS

    @admin.display(description="preview")
    def preview(self, row: Any) -> str:
        """Lead to the NDR it would get."""
        if not self.has_preview(row):
            return ""
        return format_html("<a href='{}'>NDR</a>", reverse("preview-entry", args=(row.pk,)))

    def has_discard_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may discard entries."""
        return request.user.has_perm(f"mailroom.discard_{self.opts.model_name}")

    @admin.action(description="Discard selected %(verbose_name_plural)s", permissions=["discard"])
    def discard_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Remove entries without telling anybody; asked first."""
        entries = self.chosen(request, queryset)
        if is_confirmed(request) or not entries:
            self.change_entries(request, entries, discard, "discarded")
            return None
        return ask(
            request,
            question="Discard these entries?",
            explanation="They are removed for good, and nobody is told that these mails did not arrive. "
            "The NDR audit keeps a record.",
            items=[f"{entry}: {self.sender(entry)} to {entry.recipient}" for entry in entries],
            fields={"action": ["discard_selected"], "_selected_action": [entry.pk for entry in entries]},
            button="Discard them",
        )

    def chosen(self, request: HttpRequest, queryset: QuerySet) -> list[Any]:
        """Return the selected entries; none, and a word about it, when they are too many."""
        entries = list(queryset[: _AT_ONCE + 1])
        if len(entries) <= _AT_ONCE:
            return entries
        self.message_user(
            request, f"Nothing was changed: select at most {_AT_ONCE:,} at once.", messages.ERROR
        )
        return []

    def change_entries(
        self,
        request: HttpRequest,
        entries: Sequence[Any],
        change: Callable[[Connection[Any], Sequence[int]], None],
        what: str,
    ) -> None:
        """Change entries as the command line does, all of them or none, and write it into the history."""
        if not entries:
            return
        try:
            with transaction() as connection:
                change(connection, [entry.pk for entry in entries])
                for entry in entries:
                    note_change(request, self.model, entry.pk, str(entry), f"{what.capitalize()}.")
        except (MailroomError, psycopg.errors.LockNotAvailable) as error:
            self.message_user(request, f"Nothing was changed: {error}", messages.ERROR)
            return
        self.message_user(request, f"{self.counted(len(entries))} {what}.", messages.SUCCESS)

    def counted(self, number: int) -> str:
        """Return how many entries, in words."""
        return f"{number:,} {self.opts.verbose_name if number == 1 else self.opts.verbose_name_plural}"
