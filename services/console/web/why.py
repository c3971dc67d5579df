"""Why somebody did or did not get an NDR, as `mailroom bounces why` tells it."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from services.console.bounces.history import nearest_address, read_history
from services.console.bounces.why import explain
from services.console.web.pages.page import psycopg_connection
from services.console.web.project import mailroom_settings

#: Rows of each kind that are looked at, the latest.
_MOST = 100


def why(request: HttpRequest) -> HttpResponse:
    """Ask for an address, and tell what is known of it."""
    if not request.user.has_perm("mailroom.view_auditrecord"):
        raise PermissionDenied
    address = request.GET.get("address", "").strip().removeprefix("<").removesuffix(">")
    context = {
        **admin.site.each_context(request),
        "title": "Why did somebody get no NDR?",
        "address": address,
        "most": _MOST,
    }
    if address:
        connection = psycopg_connection()
        history = read_history(connection, address, _MOST)
        context["answers"] = explain(history, sink=mailroom_settings().ndr.sink)
        if not context["answers"]:
            context["nearest"] = nearest_address(connection, address)
    return TemplateResponse(request, "console/bounces/why.html", context)


urlpatterns: list[URLPattern] = [path("why/", admin.site.admin_view(why), name="why")]
