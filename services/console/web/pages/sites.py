"""Sites: places where bots watch Exchange."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from services.console.web.models import Site
from services.console.web.pages.page import Page


@admin.register(Site)
class SitePage(Page):
    """Sites with their bots; a disabled one is left out of the by-site reports."""

    list_display = ("name", "enabled", "bots", "notes")
    list_editable = ("enabled",)
    list_filter = ("enabled",)
    search_fields = ("name", "notes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        """Count the bots in the same query."""
        sites: QuerySet[Site] = super().get_queryset(request)
        return sites.annotate(bot_count=Count("bot"))

    @admin.display(ordering="bot_count")
    def bots(self, site: Site) -> int:
        """Return how many bots belong to a site."""
        return int(site.bot_count)  # type: ignore[attr-defined]
