"""Exchange databases and when each was last accessed."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html

from services.console.web.models import Database
from services.console.web.pages.inventory import InventoryPage


@admin.register(Database)
class DatabasePage(InventoryPage):
    """Databases with their servers; names repeat across servers."""

    list_display = ("name", "server_link", "enabled", "last_access")
    list_editable = ("enabled",)
    list_filter = ("enabled", "server")
    search_fields = ("name", "server__name")
    fields = ("name", "server", "enabled", "last_access")
    readonly_fields = ("name", "server", "last_access")

    @admin.display(description="server", ordering="server")
    def server_link(self, database: Database) -> str:
        """Lead to the server of a database."""
        place = reverse("admin:mailroom_server_change", args=[database.server_id])
        return format_html("<a href='{}'>{}</a>", place, database.server_id)
