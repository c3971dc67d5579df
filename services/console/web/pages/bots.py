"""Bots: hosts that send and receive test mails."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from services.console.web.models import Bot
from services.console.web.pages.inventory import InventoryPage, has_events, site_link


@admin.register(Bot)
class BotPage(InventoryPage):
    """Bots with their sites; a disabled one is left out of the by-bot reports."""

    list_display = ("host_name", "enabled", "site_link", "ip_address", "last_seen")
    list_editable = ("enabled",)
    list_filter = ("enabled", "site")
    search_fields = ("host_name", "site__name", "ip_address")
    fields = ("host_name", "enabled", "site", "ip_address", "last_seen")
    readonly_fields = ("host_name", "last_seen")
    site_link = site_link

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Keep a bot whose events are in the reports."""
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and not (isinstance(obj, Bot) and has_events(obj.host_name))
