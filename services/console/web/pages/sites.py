"""Sites: places where bots watch Exchange."""

from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from services.console.web.models import Site
from services.console.web.pages.switching import SwitchedPage


@admin.register(Site)
class SitePage(SwitchedPage):
    """Sites with their bots and domain pairs; a disabled one is left out of the by-site reports."""

    list_display = ("name", "enabled", "bots", "domain_pairs", "notes")
    list_editable = ("enabled", "notes")
    list_filter = ("enabled",)
    search_fields = ("name", "notes")
    fields = ("name", "enabled", "notes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        """Count what belongs to each in the same query."""
        sites: QuerySet[Site] = super().get_queryset(request)
        return sites.annotate(
            bot_count=Count("bot", distinct=True), pair_count=Count("domainpair", distinct=True)
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Keep the name that bots know it by."""
        return ("name",) if obj else ()

    @admin.display(ordering="bot_count")
    def bots(self, site: Site) -> str:
        """Lead to the bots of a site."""
        place = reverse("admin:mailroom_bot_changelist", query={"site__name__exact": site.name})
        return format_html("<a href='{}'>{}</a>", place, site.bot_count)  # type: ignore[attr-defined]

    @admin.display(ordering="pair_count")
    def domain_pairs(self, site: Site) -> str:
        """Lead to the domain pairs that are watched from a site."""
        place = reverse("admin:mailroom_domainpair_changelist", query={"site__name__exact": site.name})
        return format_html("<a href='{}'>{}</a>", place, site.pair_count)  # type: ignore[attr-defined]
