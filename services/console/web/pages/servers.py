"""Exchange servers and when each last served a request."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from services.console.web.models import Server
from services.console.web.pages.inventory import InventoryPage


@admin.register(Server)
class ServerPage(InventoryPage):
    """Servers with their databases; a disabled one is left out of the reports."""

    list_display = (
        "name",
        "enabled",
        "databases",
        "last_connection",
        "last_send",
        "last_inbox_access",
        "last_seen",
    )
    list_editable = ("enabled",)
    list_filter = ("enabled",)
    search_fields = ("name",)
    fields = ("name", "enabled", "last_connection", "last_send", "last_inbox_access", "last_seen")
    readonly_fields = ("name", "last_connection", "last_send", "last_inbox_access", "last_seen")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Server]:
        """Count the databases in the same query."""
        servers: QuerySet[Server] = super().get_queryset(request)
        return servers.annotate(database_count=Count("database"))

    @admin.display(ordering="database_count")
    def databases(self, server: Server) -> str:
        """Lead to the databases of a server."""
        place = reverse("admin:mailroom_database_changelist", query={"server__name__exact": server.name})
        return format_html("<a href='{}'>{}</a>", place, server.database_count)  # type: ignore[attr-defined]
