"""Schedules: what runs when, and stopping or running it by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from services.console.publishing import open_publisher
from services.console.reports.runs import RunsNotTaken
from services.console.reports.runs import request as request_runs
from services.console.schedules.running import runs_by_hand
from services.console.schedules.schedules import switch
from services.console.schedules.validation import rhythm_in_words
from services.console.web.confirmation import ask, is_confirmed
from services.console.web.forms.schedule import RHYTHM, ScheduleForm, scheduled
from services.console.web.models import Schedule
from services.console.web.pages.page import note_change, psycopg_connection, transaction
from services.console.web.pages.switching import SwitchedPage
from services.console.web.project import mailroom_settings
from services.console.web.schedules.ahead import Ahead, look_ahead, time_zones
from services.report_worker.catalogue import Catalogue
from shared.broker import Publishing, Topology
from shared.errors import MailroomError
from shared.wire import ReportRun

_STILL_BY_HAND = (
    "Reports that somebody asks for by hand still go out; "
    "the preference exchange__reports_enabled skips those, too."
)


class RhythmFilter(admin.SimpleListFilter):
    """By crontab or by interval."""

    title = "rhythm"
    parameter_name = "rhythm"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the two kinds."""
        return [("crontab", "crontab"), ("interval", "interval")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> QuerySet[Schedule]:
        """Leave the schedules of one kind."""
        if self.value() == "crontab":
            return queryset.filter(crontab__isnull=False)
        return queryset.filter(every__isnull=False) if self.value() == "interval" else queryset


@admin.register(Schedule)
class SchedulePage(SwitchedPage):
    """Schedules with their next and last nominal times."""

    form = ScheduleForm
    change_list_template = "console/schedules/list.html"
    change_form_template = "console/schedules/form.html"
    list_display = (
        "named",
        "enabled",
        "rhythm",
        "next_nominal_time",
        "last_nominal_at",
        "firings",
    )
    list_filter = ("enabled", "task", RhythmFilter, ("time_zone", admin.AllValuesFieldListFilter))
    search_fields = ("name",)
    search_help_text = "Words of the name, in any order."
    actions = (*SwitchedPage.actions, "toggle_selected", "run_selected")
    readonly_fields = ("last_nominal_at", "run_count")
    fieldsets = (
        (None, {"fields": ("name", "description", "enabled")}),
        ("What", {"fields": ("task", "args")}),
        ("So far", {"fields": ("last_nominal_at", "run_count")}),
        (
            "When",
            {
                "fields": (
                    "crontab",
                    "every",
                    "time_zone",
                    "starts_at",
                    "expires_after",
                    "one_off",
                    "catch_up",
                )
            },
        ),
    )

    class Media:
        css = {"all": ("console/control.css",)}
        js = ("console/schedules/firings.js",)

    def get_urls(self) -> list[URLPattern]:
        """Add what Django's admin does not have."""
        view = self.admin_site.admin_view
        own = [
            path("firings/", view(require_POST(self.firings_page)), name="mailroom_schedule_firings"),
            path(
                "<int:key>/firings/", view(require_POST(self.firings_page)), name="mailroom_schedule_firings"
            ),
            path("enable-all/", view(self.enable_all), name="mailroom_schedule_enable_all"),
            path("disable-all/", view(self.disable_all), name="mailroom_schedule_disable_all"),
        ]
        return [*own, *super().get_urls()]

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may run schedules."""
        return request.user.has_perm("mailroom.run_schedule")

    def fields_to_store(self, request: HttpRequest, obj: Schedule, form: ModelForm) -> list[str]:
        """Begin anew with a new rhythm: what it would have fired before now does not fire."""
        fields = super().fields_to_store(request, obj, form)
        if not RHYTHM & set(fields):
            return fields
        obj.enabled_at = Now()  # PostgreSQL's clock, as its trigger does
        return [*fields, "enabled_at"]

    def switch(self, request: HttpRequest, rows: Sequence[Any], *, enabled: bool) -> Sequence[Any]:
        """Switch schedules as the command line does."""
        changed = set(switch(psycopg_connection(), [row.name for row in rows], enabled=enabled))
        return [row for row in rows if row.name in changed]

    # Lists

    @admin.display(description="name", ordering="name")
    def named(self, row: Schedule) -> str:
        """Name the schedule, with the reports it runs below."""
        names = row.args.get("reports") if isinstance(row.args, dict) else None
        reports = ", ".join(map(str, names)) if isinstance(names, list) else ""
        return format_html("{}<br><span class='quiet'>{}</span>", row.name, reports)

    @admin.display(description="rhythm and time zone", ordering="crontab")
    def rhythm(self, row: Schedule) -> str:
        """Say in words when it fires, with the crontab and its time zone below."""
        words = rhythm_in_words(row.crontab, row.every)
        if row.crontab is None:
            return words
        return format_html(
            "{}<br><code>{}</code><br><span class='quiet'>{}</span>", words, row.crontab, row.time_zone
        )

    @admin.display(description="next nominal time", empty_value="")
    def next_nominal_time(self, row: Schedule) -> str | None:
        """Tell in the schedule's zone and in UTC when it fires next; of a disabled one, nothing."""
        if not row.enabled:
            return None
        ahead = look_ahead(scheduled(row), datetime.now(UTC), count=1)
        if ahead.problems:
            return "; ".join(ahead.problems)
        if not ahead.firings:
            return "never again"
        (firing,) = ahead.firings
        return format_html(
            "{}<br>{}<br><span class='quiet'>{} UTC</span>",
            f"{firing.local:%a %Y-%m-%d}",
            f"{firing.local:%H:%M %Z}",
            f"{firing.utc:%H:%M}",
        )

    @admin.display(description="firings", ordering="run_count")
    def firings(self, row: Schedule) -> str:
        """Lead to the runs that its firings became."""
        return format_html("<a href='{}'>{}</a>", _runs_of(row), row.run_count)

    # Switching and running

    @admin.action(description="Toggle selected %(verbose_name_plural)s", permissions=["change"])
    def toggle_selected(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Enable those that are disabled, and disable the others."""
        rows = list(queryset)
        for enabled in (True, False):
            if wanted := [row for row in rows if row.enabled != enabled]:
                self.switch_rows(request, wanted, enabled=enabled)

    @admin.action(description="Run selected %(verbose_name_plural)s now", permissions=["run"])
    def run_selected(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Run the reports of schedules, enabled or not; none when one of them cannot be run."""
        settings, now = mailroom_settings(), datetime.now(UTC)
        try:
            catalogue = Catalogue.load(settings.reports.catalogue_path)
            asked = [(row, runs_by_hand(scheduled(row), catalogue, now)) for row in queryset]
            with open_publisher(settings) as publisher:
                taken = [(row, runs) for row, runs in asked if self._run(request, publisher, row, runs)]
        except MailroomError as error:
            self.message_user(request, f"Nothing was run: {error}", messages.ERROR)
            return
        if taken:
            told = format_html(
                "Asked for {} of {}. See <a href='{}'>what becomes of them</a>.",
                _count(sum(len(runs) for _, runs in taken), "report run"),
                self.counted(taken),
                _runs_of(taken[0][0]) if len(taken) == 1 else reverse("admin:mailroom_reportrun_changelist"),
            )
            self.message_user(request, told, messages.SUCCESS)

    def _run(
        self, request: HttpRequest, publisher: Publishing, row: Schedule, runs: Sequence[ReportRun]
    ) -> bool:
        topology = Topology.of(mailroom_settings())
        try:
            request_runs(transaction, publisher, topology, runs, schedule=row.name)
        except RunsNotTaken as error:
            self.message_user(request, f"{row.name} was not run: {error}", messages.ERROR)
            return False
        named = ", ".join(f"{run.report} as run {run.run_id}" for run in runs)
        note_change(request, Schedule, row.pk, row.name, f"Run by hand: {named}.")
        return True

    def enable_all(self, request: HttpRequest) -> HttpResponse:
        """Enable every schedule, once somebody has said yes."""
        return self._switch_all(request, enabled=True)

    def disable_all(self, request: HttpRequest) -> HttpResponse:
        """Disable every schedule, once somebody has said yes."""
        return self._switch_all(request, enabled=False)

    def _switch_all(self, request: HttpRequest, *, enabled: bool) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        rows = list(Schedule.objects.exclude(enabled=enabled))
        if rows and not (request.method == "POST" and is_confirmed(request)):
            return ask(
                request,
                question=f"{'Enable' if enabled else 'Disable'} every schedule?",
                explanation="What was due while they were disabled does not fire."
                if enabled
                else f"Nothing fires any more until they are enabled again. {_STILL_BY_HAND}",
                items=rows,
                fields={},
                button=f"{'Enable' if enabled else 'Disable'} all",
                cancel=reverse("admin:mailroom_schedule_changelist"),
            )
        self.switch_rows(request, rows, enabled=enabled)
        if not enabled:
            self.message_user(request, _STILL_BY_HAND, messages.INFO)
        return HttpResponseRedirect(reverse("admin:mailroom_schedule_changelist"))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Offer to switch all where somebody may."""
        may_switch = {"may_switch_all": self.has_change_permission(request)}
        return super().changelist_view(request, {**may_switch, **(extra_context or {})})

    # The form

    def firings_page(self, request: HttpRequest, key: int | None = None) -> HttpResponse:
        """Show the next firings of what is being typed; nothing is stored."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = get_object_or_404(Schedule, pk=key) if key is not None else None
        form = ScheduleForm(request.POST, instance=row)
        return render(request, "console/schedules/firings.html", {"ahead": _ahead(form)})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the next firings beside the fields, also when something is wrong with another field."""
        row: Schedule | None = kwargs.get("obj")
        form: ModelForm = context["adminform"].form
        place = [row.pk] if row and row.pk else []
        context |= {
            "ahead": _ahead(form, row),
            "firings_at": reverse("admin:mailroom_schedule_firings", args=place),
            "time_zones": time_zones(),
        }
        return super().render_change_form(request, context, *args, **kwargs)


def _ahead(form: ModelForm, row: Schedule | None = None) -> Ahead | None:
    now = datetime.now(UTC)
    if isinstance(form, ScheduleForm) and form.is_bound:
        form.is_valid()
        return look_ahead(form.typed, now) if form.typed else Ahead(problems=form.unread_times())
    return look_ahead(scheduled(row), now) if row is not None else None


def _runs_of(row: Schedule) -> str:
    return reverse("admin:mailroom_reportrun_changelist", query={"q": row.name})


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
