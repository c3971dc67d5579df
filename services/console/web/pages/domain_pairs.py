"""Domain pairs: whether mail from one domain reaches another, as seen from a site."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from services.console.web.models import DomainPair
from services.console.web.pages.inventory import InventoryPage, site_link
from services.console.web.pages.page import note_change, transaction


@admin.register(DomainPair)
class DomainPairPage(InventoryPage):
    """Pairs with their status; one that is disabled or expired is in no report."""

    list_display = ("__str__", "site_link", "status", "last_verified", "enabled", "is_expired")
    list_editable = ("enabled", "is_expired")
    list_filter = ("enabled", "is_expired", "status", "site")
    search_fields = ("from_domain", "to_domain", "site__name")
    actions = (*InventoryPage.actions, "expire_selected", "unexpire_selected")
    fields = ("from_domain", "to_domain", "site", "status", "last_verified", "enabled", "is_expired")
    readonly_fields = ("from_domain", "to_domain", "site", "status", "last_verified")
    site_link = site_link

    @admin.action(description="Expire selected %(verbose_name_plural)s", permissions=["change"])
    def expire_selected(self, request: HttpRequest, queryset: QuerySet[DomainPair]) -> None:
        """Take pairs out of the reports for good."""
        self._expire(request, queryset, expired=True)

    @admin.action(description="Unexpire selected %(verbose_name_plural)s", permissions=["change"])
    def unexpire_selected(self, request: HttpRequest, queryset: QuerySet[DomainPair]) -> None:
        """Bring pairs back into the reports."""
        self._expire(request, queryset, expired=False)

    def _expire(self, request: HttpRequest, queryset: QuerySet[DomainPair], *, expired: bool) -> None:
        what = "expired" if expired else "no longer expired"
        with transaction():
            rows = list(queryset.exclude(is_expired=expired))
            DomainPair.objects.filter(pk__in=[row.pk for row in rows]).update(is_expired=expired)
            for row in rows:
                note_change(request, DomainPair, row.pk, str(row), f"{what.capitalize()}.")
        if rows:
            self.message_user(request, f"{self.counted(rows)} {what}.", messages.SUCCESS)
        else:
            self.message_user(request, f"Nothing to do: {what} already.", messages.INFO)
