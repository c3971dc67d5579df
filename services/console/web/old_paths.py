"""The addresses of the pages that Mailroom takes over from, which people have bookmarked and linked to."""

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import URLPattern, re_path, reverse

#: Application and model of the original, and the model here.
_MODELS = {
    "django_celery_beat/periodictask": "schedule",
    "dynamic_preferences/globalpreferencemodel": "preference",
    # the subscriptions moved from the one to the other
    "ssl_cert_tracker/subscription": "subscription",
    "p_soc_auto_base/subscription": "subscription",
    "citrus_borg/borgsite": "site",
    "mail_collector/mailsite": "site",
    "citrus_borg/winlogbeathost": "bot",
    "mail_collector/mailhost": "bot",
    "mail_collector/exchangeserver": "server",
    "mail_collector/exchangedatabase": "database",
    "mail_collector/mailbetweendomains": "domainpair",
}


def model_at(old_path: str) -> str | None:
    """Return the name of the model whose list has taken a page's place; None for the index.

    Args:
        old_path: below `/admin/`. A single row has another number here, so its page leads to the list, too.
    """
    return _MODELS.get("/".join(old_path.split("/")[:2]).lower())


def redirect(request: HttpRequest, old_path: str = "") -> HttpResponseRedirect:
    """Lead to the page of today, with the same query: its words search here as they did there."""
    model = model_at(old_path)
    place = reverse(f"admin:mailroom_{model}_changelist") if model else reverse("admin:index")
    query = request.META.get("QUERY_STRING", "") if model else ""
    return HttpResponseRedirect(f"{place}?{query}" if query else place)


#: All but the history, whose page Django keeps there.
urlpatterns: list[URLPattern] = [re_path(r"^admin(?:/(?!logentry/)(?P<old_path>.*))?$", redirect)]
