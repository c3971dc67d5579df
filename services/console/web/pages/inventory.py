"""What the pages of the monitoring inventory have in common."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from services.console.web.models import Bot, DomainPair
from services.console.web.pages.page import psycopg_connection
from services.console.web.pages.switching import SwitchedPage
from shared.database.statements import load_statements

_SQL = load_statements("services.console.web.pages", "inventory.sql")


class InventoryPage(SwitchedPage):
    """Rows that appear with their first event; nobody adds them or edits when they were last seen."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds rows here."""
        return False


@admin.display(description="site", ordering="site", empty_value="")
def site_link(_page: Any, row: Bot | DomainPair) -> str | None:
    """Lead to the site of a row."""
    if row.site_id is None:
        return None
    return format_html(
        "<a href='{}'>{}</a>", reverse("admin:mailroom_site_change", args=[row.site_id]), row.site_id
    )


def has_events(bot: str) -> bool:
    """Tell whether a bot has registered any event that is still kept."""
    return psycopg_connection().execute(_SQL["has_events"], {"bot": bot}).fetchone() is not None
