"""The delivery ledger: what became of each mail at each of its recipients."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower, Now
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import truncatechars
from django.template.response import TemplateResponse
from django.urls import reverse

from services.console.deliveries.deliveries import find_deliveries
from services.console.deliveries.origins import UUID_FORM, Origin, ids_of, origin_of
from services.console.names import NameUnknown
from services.console.web.models import Delivery
from services.console.web.pages.bounded import BoundedPage
from services.console.web.pages.page import psycopg_connection

#: As in deliveries.sql; each side has an index of its own.
_IN_DOUBT = Q(in_doubt__gt=0, finished_at__isnull=True, state__in=("deferred", "held")) | Q(
    state="attempting", leased_until__lt=Now()
)
#: Parameters of a list's address that do not choose rows.
_NO_CHOICE = frozenset({"p", "o", "e", "all"})


class InDoubtFilter(admin.SimpleListFilter):
    """Deliveries of which nobody knows whether the server took the mail."""

    title = "doubt"
    parameter_name = "in_doubt"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the two choices."""
        return [("yes", "In doubt"), ("no", "All")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Leave out the choice of nothing, which Django adds: it is what the page begins with."""
        _, *choices = super().choices(changelist)
        yield from choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """Leave those in doubt, also when nothing was chosen and there are some: they come first."""
        if self.value() is None and not set(request.GET) - _NO_CHOICE and queryset.filter(_IN_DOUBT).exists():
            self.used_parameters[self.parameter_name] = "yes"
        self.used_parameters.setdefault(self.parameter_name, "no")
        return queryset.filter(_IN_DOUBT) if self.value() == "yes" else queryset


@admin.register(Delivery)
class DeliveryPage(BoundedPage):
    """Deliveries, those in doubt first, then the latest; a mail's page has all of its recipients."""

    list_display = (
        "mail_id",
        "recipient",
        "kind",
        "state",
        "attempts",
        "in_doubt",
        "last_attempt_at",
        "answer",
    )
    list_filter = (InDoubtFilter, "state", "kind")
    ordering = ("-last_attempt_at",)
    search_fields = ("mail_id",)
    search_help_text = "A mail's id or its beginning, the id of a run or NDR, or a recipient's whole address."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Find by the whole address of a recipient, or by mail."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if "@" in term:
            recipient = Lower(Value(term))
            return queryset.alias(lower_recipient=Lower("recipient")).filter(lower_recipient=recipient), False
        if UUID_FORM.fullmatch(term):
            return queryset.filter(mail_id__in=ids_of(UUID(term))), False
        if origin_of(term):
            return queryset.filter(mail_id=term), False
        return queryset.filter(mail_id__startswith=term), False

    @admin.display(description="reply")
    def answer(self, row: Delivery) -> str:
        """Return the beginning of the server's reply."""
        return truncatechars(row.reply or "", 80)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a mail with all of its recipients."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        mail_id = unquote(object_id)
        try:
            deliveries = find_deliveries(psycopg_connection(), mail_id)
        except NameUnknown as error:
            self.message_user(request, str(error), messages.WARNING)
            return HttpResponseRedirect(reverse("admin:mailroom_delivery_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Mail {mail_id}",
            "opts": self.opts,
            "deliveries": deliveries,
            "origin": _page_of(origin_of(mail_id)),
        }
        return TemplateResponse(request, "console/deliveries/mail.html", context)


def _page_of(origin: Origin | None) -> tuple[str, str] | None:
    """Where to look at what a mail was made from: a label and an address."""
    if origin is None:
        return None
    if origin.kind == "run":
        return "The report run", reverse("admin:mailroom_reportrun_change", args=(origin.id,))
    return "The NDR in the audit", f"{reverse('admin:mailroom_auditrecord_changelist')}?q={origin.id}"
