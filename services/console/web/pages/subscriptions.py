"""Subscriptions: who gets the reports, and for how long nobody does."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime

from services.console.publishing import open_publisher
from services.console.subscriptions.changes import columns_not_followed
from services.console.subscriptions.subscriptions import change as store_change
from services.console.subscriptions.trial import compose_trial, send_trial
from services.console.subscriptions.usage import reports_using, usage_of
from services.console.web.composing import report_composer
from services.console.web.forms.subscription import SubscriptionForm, SubscriptionRowForm, TrialForm, stored
from services.console.web.models import Schedule, Subscription
from services.console.web.pages.page import note_change, psycopg_connection, transaction
from services.console.web.pages.switching import SwitchedPage
from services.console.web.project import mailroom_settings
from services.report_worker.catalogue import Catalogue
from services.report_worker.fan_out import load_entities
from services.report_worker.report import Report
from services.report_worker.settings import ReportSettings
from shared.broker import Topology
from shared.errors import MailroomError

_MUTES = (("hour", timedelta(hours=1)), ("day", timedelta(days=1)), ("week", timedelta(weeks=1)))


def _mute_for(word: str, span: timedelta) -> Callable[..., None]:
    """Make the action that mutes for a time."""

    @admin.action(description=f"Mute selected %(verbose_name_plural)s for a {word}", permissions=["mute"])
    def mute(page: "SubscriptionPage", request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        until = datetime.now(UTC).replace(microsecond=0) + span
        page.store_mute(request, list(queryset), until, f"Muted until {until:%Y-%m-%d %H:%M} UTC.")

    mute.__name__ = f"mute_for_{word}"
    return mute


class MutedFilter(admin.SimpleListFilter):
    """Muted now, or not."""

    title = "muted"
    parameter_name = "muted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the two states."""
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> QuerySet[Subscription]:
        """Leave the subscriptions in one state."""
        muted = Q(mute_until__gt=datetime.now(UTC))
        if self.value() == "yes":
            return queryset.filter(muted)
        # without a time, the comparison is neither true nor false
        unmuted = Q(mute_until__isnull=True) | ~muted
        return queryset.filter(unmuted) if self.value() == "no" else queryset


@admin.register(Subscription)
class SubscriptionPage(SwitchedPage):
    """Subscriptions with the reports that use them."""

    form = SubscriptionForm
    row_form = SubscriptionRowForm
    change_form_template = "console/subscriptions/form.html"
    list_display = (
        "named",
        "enabled",
        "emails_list",
        "muted",
        "preview",
        "attachment",
        "changed",
    )
    list_editable = ("enabled", "emails_list")
    list_filter = ("enabled", MutedFilter, "attachment")
    search_fields = ("name", "emails_list")
    search_help_text = "Words of the name or of the recipients, in any order."
    actions = (*SwitchedPage.actions, *(_mute_for(word, span) for word, span in _MUTES), "unmute")
    readonly_fields = ("updated_at", "updated_by", "used_by")
    fieldsets = (
        (None, {"fields": ("name", "enabled", "mute_until", "used_by")}),
        ("Who", {"fields": ("emails_list", "from_email")}),
        (
            "What",
            {
                "fields": (
                    "email_subject",
                    "alternate_email_subject",
                    "tags",
                    "columns",
                    "attachment",
                    "send_empty",
                )
            },
        ),
        ("Besides", {"fields": ("template_name", "notes", "updated_at", "updated_by")}),
    )

    class Media:
        css = {"all": ("console/control.css",)}

    def get_urls(self) -> list[URLPattern]:
        """Add the page of the test mail."""
        view = self.admin_site.admin_view(self.test_mail)
        return [
            path("<int:key>/test-mail/", view, name="mailroom_subscription_test_mail"),
            *super().get_urls(),
        ]

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Read the catalogue once for all rows."""
        listed: ChangeList = super().get_changelist_instance(request)
        reports = _catalogue()
        for row in listed.result_list:
            row.report_names = reports_using(row.name, reports)
        return listed

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Keep the name that reports know it by."""
        return ("name", *self.readonly_fields) if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Keep what a report needs."""
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and not (isinstance(obj, Subscription) and reports_using(obj.name, _catalogue()))

    def has_mute_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may mute."""
        return request.user.has_perm("mailroom.mute_subscription")

    def has_test_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may send test mails."""
        return request.user.has_perm("mailroom.test_subscription")

    def fields_to_store(self, request: HttpRequest, obj: Subscription, form: ModelForm) -> list[str]:
        """Keep who did it."""
        fields = super().fields_to_store(request, obj, form)
        return [*fields, "updated_at", "updated_by"] if fields else []

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:  # noqa: FBT001 - Django's own signature
        """Store it, and say which reports cannot show its columns."""
        obj.updated_by = request.user.get_username()
        super().save_model(request, obj, form, change)
        if "columns" in form.changed_data and (others := columns_not_followed(stored(obj), _catalogue())):
            what = f"{', '.join(others)} lacks one of these columns and goes on showing its own."
            self.message_user(request, what, messages.WARNING)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Lead to the preview and to the test mail."""
        row: Subscription | None = kwargs.get("obj")
        if row is not None:
            context |= {"preview_at": preview_place(row), "may_test": self.has_test_permission(request)}
        return super().render_change_form(request, context, *args, **kwargs)

    # Lists

    @admin.display(description="muted until", ordering="mute_until", empty_value="")
    def muted(self, row: Subscription) -> datetime | None:
        """Tell how long nobody gets it."""
        return row.mute_until if row.mute_until and row.mute_until > datetime.now(UTC) else None

    @admin.display(description="name", ordering="name")
    def named(self, row: Subscription) -> str:
        """Name the subscription, with the reports that use it below."""
        reports = ", ".join(row.report_names)  # type: ignore[attr-defined]
        return format_html("{}<br><span class='quiet'>{}</span>", row.name, reports)

    @admin.display(description="changed", ordering="updated_at")
    def changed(self, row: Subscription) -> str:
        """Tell when it was changed, and by whom."""
        at = date_format(localtime(row.updated_at), "DATETIME_FORMAT")
        return format_html("{}<br><span class='quiet'>{}</span>", at, row.updated_by or "")

    @admin.display(description="used by")
    def used_by(self, row: Subscription) -> str:
        """Name the reports and the schedules that lead to it."""
        schedules = [(each.name, each.args.get("reports") or ()) for each in Schedule.objects.all()]
        usage = usage_of(row.name, _catalogue(), schedules)
        links = format_html_join(
            ", ",
            "<a href='{}'>{}</a>",
            (
                (reverse("admin:mailroom_schedule_changelist", query={"q": name}), name)
                for name in usage.schedules
            ),
        )
        return format_html("Reports: {}. Schedules: {}.", ", ".join(usage.reports) or "none", links or "none")

    @admin.display(description="preview")
    def preview(self, row: Subscription) -> str:
        """Lead to the mail as it would be now."""
        return format_html("<a href='{}'>Preview</a>", preview_place(row))

    # Muting

    @admin.action(description="Unmute selected %(verbose_name_plural)s", permissions=["mute"])
    def unmute(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        """End the muting."""
        self.store_mute(request, [row for row in queryset if row.mute_until], None, "Unmuted.")

    def store_mute(
        self, request: HttpRequest, rows: Sequence[Subscription], until: datetime | None, what: str
    ) -> None:
        """Mute subscriptions as the command line does, write it into the history, and tell."""
        if not rows:
            self.message_user(request, "Nothing to do: none of them is muted.", messages.INFO)
            return
        by = request.user.get_username()
        with transaction() as connection:
            store_change(connection, [row.name for row in rows], {"mute_until": until}, changed_by=by)
            for row in rows:
                note_change(request, Subscription, row.pk, row.name, what)
        self.message_user(request, f"{self.counted(rows)}: {what}", messages.SUCCESS)

    # The test mail

    def test_mail(self, request: HttpRequest, key: int) -> HttpResponse:
        """Ask which report to send to whom, and send it."""
        if not self.has_test_permission(request):
            raise PermissionDenied
        row = get_object_or_404(Subscription, pk=key)
        reports = {report.name: report for report in _catalogue() if report.subscription == row.name}
        trials = dict(_trials(reports.values()))
        form = TrialForm(
            request.POST or None,
            choices=[(value, value.replace("/", ": ", 1)) for value in trials],
            initial={"reader": getattr(request.user, "email", "")},
        )
        if form.is_valid():
            report, scope = trials[form.cleaned_data["what"]]
            if self._sent(request, row, report, scope, form.cleaned_data["reader"]):
                return HttpResponseRedirect(reverse("admin:mailroom_subscription_change", args=[row.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Send a test mail of {row.name}",
            "opts": self.opts,
            "original": row,
            "form": form,
            "trials": trials,
        }
        return TemplateResponse(request, "console/subscriptions/test_mail.html", context)

    def _sent(
        self,
        request: HttpRequest,
        row: Subscription,
        report: Report,
        scope: dict[str, str] | None,
        reader: str,
    ) -> bool:
        settings = mailroom_settings()
        try:
            with transaction() as connection:
                mail = compose_trial(
                    connection,
                    report_composer(),
                    report,
                    scope,
                    reader,
                    now=datetime.now(UTC),
                    inline_limit=ReportSettings.of(settings).inline_limit,
                )
            with open_publisher(settings) as publisher:
                send_trial(publisher, Topology.of(settings), mail)
        except MailroomError as error:
            self.message_user(request, f"Nothing was sent: {error}", messages.ERROR)
            return False
        note_change(
            request,
            Subscription,
            row.pk,
            row.name,
            f"Test mail of {report.name} sent to {reader} ({mail.mail_id}).",
        )
        self.message_user(
            request, f"A test mail of {report.name} is on its way to {reader}.", messages.SUCCESS
        )
        return True


def preview_place(row: Subscription) -> str:
    """Return the address of a subscription's mail as it would be now."""
    return reverse("preview-subscription", args=[row.pk])


def _catalogue() -> list[Report]:
    return list(Catalogue.load(mailroom_settings().reports.catalogue_path).reports.values())


def _trials(reports: Iterable[Report]) -> Iterator[tuple[str, tuple[Report, dict[str, str] | None]]]:
    """Yield what can be sent: each report, or one for each of its sites or bots."""
    for report in reports:
        if report.scope is None:
            yield report.name, (report, None)
        else:
            for entity in load_entities(psycopg_connection(), report.scope):
                yield f"{report.name}/{entity}", (report, {report.scope: entity})
