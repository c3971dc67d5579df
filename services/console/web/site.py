"""The console's site: its title, and its index, which is the overview."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.views.generic import RedirectView

from services.console.web.sections import in_sections


class ConsoleSite(admin.AdminSite):
    """Django's admin under Mailroom's name, with the overview before the list of its pages."""

    site_header = "Mailroom"
    site_title = "Mailroom"
    index_title = "Overview"
    enable_nav_sidebar = True
    site_url = None
    index_template = "console/overview/index.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the overview and the list of pages."""
        from services.console.web.overview.view import read_overview

        return super().index(request, {"overview": read_overview(), **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return the pages in sections; of one application, as Django has them."""
        apps = super().get_app_list(request, app_label)
        return apps if app_label else in_sections([*apps, *_without_a_table(request)])

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Add where the overview asks for itself again; it stands for Django's list of our pages, too."""
        from services.console.web.overview.view import fragment

        to_overview = self.admin_view(RedirectView.as_view(pattern_name="admin:index"))
        return [
            path("overview/", self.admin_view(fragment), name="overview"),
            path("mailroom/", to_overview),
            *super().get_urls(),
        ]


def _without_a_table(request: HttpRequest) -> list[dict[str, Any]]:
    """Return, as Django lists pages, those that no table stands behind."""
    if not request.user.has_perm("mailroom.view_auditrecord"):
        return []
    why = {
        "name": "Why somebody got no NDR",
        "object_name": "Why",
        "admin_url": reverse("why"),
        "view_only": True,
    }
    return [{"app_label": "mailroom", "app_url": reverse("admin:index"), "models": [why]}]
