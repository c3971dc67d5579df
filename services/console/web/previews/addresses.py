"""The addresses of previews: of runs, subscriptions and bounced entries."""

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, reverse

from services.console.web.models import QuarantinedEntry, QueueEntry, ReportRun, Subscription
from services.console.web.previews.sources import Source, mail_of_entry, mail_of_run, mail_of_subscription
from services.console.web.previews.views import Previews


def _run_source(key: object, _: HttpRequest) -> Source:
    return mail_of_run(get_object_or_404(ReportRun, pk=key))


def _subscription_source(key: object, request: HttpRequest) -> Source:
    return mail_of_subscription(get_object_or_404(Subscription, pk=key), request.GET.dict())


def _entry_source(key: int, _: HttpRequest) -> Source:
    return mail_of_entry(key)


def _entry_origin(key: int) -> str:
    """Its page: the entry may be at either place, or at none any more."""
    quarantined = QuarantinedEntry.objects.filter(pk=key).exists()
    model = QuarantinedEntry if quarantined else QueueEntry
    return reverse(f"admin:mailroom_{model._meta.model_name}_change", args=(key,))


urlpatterns: list[URLPattern] = [
    *Previews(
        "run",
        "uuid",
        "mailroom.view_reportrun",
        label=lambda key: str(get_object_or_404(ReportRun, pk=key)),
        source=_run_source,
        origin=lambda key: reverse("admin:mailroom_reportrun_change", args=(key,)),
    ).urls(),
    *Previews(
        "subscription",
        "int",
        "mailroom.view_subscription",
        label=lambda key: str(get_object_or_404(Subscription, pk=key)),
        source=_subscription_source,
        origin=lambda key: reverse("admin:mailroom_subscription_change", args=(key,)),
    ).urls(),
    *Previews(
        "entry",
        "int",
        "mailroom.view_queueentry",
        label=lambda key: f"the NDR of entry {key}",
        source=_entry_source,
        origin=_entry_origin,
    ).urls(),
]
