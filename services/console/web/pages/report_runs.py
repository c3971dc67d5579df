"""Report runs: what ran, what became of it, and running it once more."""

from tempfile import SpooledTemporaryFile
from typing import IO, Any
from uuid import UUID

import psycopg
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat, truncatechars
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from services.console.publishing import open_publisher
from services.console.reports.repeating import runs_again
from services.console.reports.rows import csv_name, write_rows
from services.console.reports.runs import request as request_runs
from services.console.web.composing import reports_pool
from services.console.web.models import ReportRun, Schedule
from services.console.web.pages.bounded import BoundedPage
from services.console.web.pages.page import note_change, psycopg_connection, transaction
from services.console.web.project import mailroom_settings
from services.console.web.runs.search import names_with, run_id_range
from services.report_worker.catalogue import Catalogue
from services.report_worker.entity import entity_of
from services.report_worker.runs import load_run
from shared.broker import Topology
from shared.errors import MailroomError
from shared.settings.values import format_time_span

#: Children that a run's page lists; its link leads to all.
_CHILDREN = 100
#: Octets of CSV that are kept in memory; more are on disk while they are sent.
_IN_MEMORY = 8 << 20


class ReportFilter(admin.SimpleListFilter):
    """Runs of one report of the catalogue."""

    title = "report"
    parameter_name = "report"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the catalogue's names, without looking through the ledger."""
        return [(name, name) for name in sorted(_report_names())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ReportRun]) -> QuerySet[ReportRun]:
        """Leave the runs of one report."""
        return queryset.filter(report=self.value()) if self.value() else queryset


@admin.register(ReportRun)
class ReportRunPage(BoundedPage):
    """Report runs, the latest first."""

    change_form_template = "console/runs/run.html"
    list_display = ("report", "about", "nominal_at", "outcome", "rows", "sizes", "asked_by", "duration")
    list_filter = ("state", ReportFilter, "requested_by", "created_at")
    ordering = ("-created_at",)
    search_fields = ("report",)
    search_help_text = "Words of the name of a report or schedule, or the beginning of a run's id."
    actions = ("repeat_selected",)
    fields = (
        "run_id",
        "report",
        "about",
        "nominal_at",
        "state",
        "reason",
        "error",
        "rows",
        "csv",
        "csv_sha256",
        "mail",
        "asked_by",
        "args",
        "attempts",
        "created_at",
        "started_at",
        "finished_at",
        "duration",
    )
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        """Add what Django's admin does not have."""
        view = self.admin_site.admin_view
        own = [
            path("<uuid:run_id>/csv/", view(self.csv_file), name="mailroom_reportrun_csv"),
            path("<uuid:run_id>/again/", view(require_POST(self.again)), name="mailroom_reportrun_again"),
        ]
        return [*own, *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Find by an index: names that are known, or a range of ids."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if found := run_id_range(term):
            return queryset.filter(run_id__range=found), False
        schedules = names_with(term, set(Schedule.objects.values_list("name", flat=True)))
        reports = names_with(term, _report_names())
        return queryset.filter(Q(report__in=reports) | Q(schedule__in=schedules)), False

    # What is shown

    @admin.display
    def about(self, run: ReportRun) -> str:
        """Return the site or bot it is about."""
        return entity_of(run.scope) or ""

    @admin.display
    def rows(self, run: ReportRun) -> str:
        """Return how many rows it has."""
        return "" if run.row_count is None else f"{run.row_count:,}"

    @admin.display(description="CSV")
    def csv(self, run: ReportRun) -> str:
        """Return the size of its rows as CSV."""
        return "" if run.csv_bytes is None else filesizeformat(run.csv_bytes)

    @admin.display
    def mail(self, run: ReportRun) -> str:
        """Return the size of its mail."""
        return "" if run.mail_bytes is None else filesizeformat(run.mail_bytes)

    @admin.display(description="requested by")
    def asked_by(self, run: ReportRun) -> str:
        """Name the schedule, and say when an operator asked."""
        if run.schedule is None:
            return run.requested_by
        return run.schedule if run.requested_by == "schedule" else f"{run.schedule}, by hand"

    @admin.display
    def duration(self, run: ReportRun) -> str:
        """Say how long it took."""
        if run.started_at is None or run.finished_at is None:
            return ""
        return format_time_span(run.finished_at - run.started_at)

    @admin.display(description="state")
    def outcome(self, run: ReportRun) -> str:
        """Return its state, with the beginning of its error or reason below."""
        detail = truncatechars(run.error or run.reason or "", 80)
        return format_html("{}<br><span class='quiet'>{}</span>", run.state, detail) if detail else run.state

    @admin.display(description="CSV, mail")
    def sizes(self, run: ReportRun) -> str:
        """Return the sizes of its rows and of its mail."""
        return ", ".join(filter(None, (self.csv(run), self.mail(run))))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one run with its parent and its children."""
        context: dict[str, Any] = {
            "repeatable": self.has_repeat_permission(request),
            "children_shown": _CHILDREN,
        }
        run = self.get_object(request, object_id)
        if run is not None:
            children = ReportRun.objects.filter(parent_run_id=run.pk).order_by("created_at", "run_id")
            context["children"] = [(child, entity_of(child.scope)) for child in children[:_CHILDREN]]
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})

    # The rows

    def csv_file(self, request: HttpRequest, run_id: UUID) -> HttpResponse | FileResponse:
        """Send the rows as they are now; when they are not those that were mailed, say so first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = get_object_or_404(ReportRun, pk=run_id)
        file: IO[bytes] = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the response closes it
        try:
            written = write_rows(psycopg_connection(), reports_pool(), mailroom_settings(), str(run_id), file)
        except (MailroomError, psycopg.Error) as error:
            file.close()
            self.message_user(request, f"There is no CSV: {error}", messages.ERROR)
            return HttpResponseRedirect(_address(run_id))
        if written.same is False and "changed" not in request.GET:
            file.close()
            context = {
                **self.admin_site.each_context(request),
                "title": "The data has changed since",
                "run": run,
                "row_count": written.row_count,
            }
            return TemplateResponse(request, "console/runs/changed.html", context)
        file.seek(0)
        name = csv_name(load_run(psycopg_connection(), str(run_id)))
        return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")

    # Running again

    def has_repeat_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may run reports again."""
        return request.user.has_perm("mailroom.repeat_reportrun")

    @admin.action(description="Run selected reports again", permissions=["repeat"])
    def repeat_selected(self, request: HttpRequest, queryset: QuerySet[ReportRun]) -> None:
        """Run them again; all of them or, when one cannot be run, none."""
        self._repeat(request, list(queryset))

    def again(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """Run one again."""
        if not self.has_repeat_permission(request):
            raise PermissionDenied
        self._repeat(request, [get_object_or_404(ReportRun, pk=run_id)])
        return HttpResponseRedirect(_address(run_id))

    def _repeat(self, request: HttpRequest, runs: list[ReportRun]) -> None:
        settings = mailroom_settings()
        try:
            asked = runs_again(psycopg_connection(), settings, [str(run.pk) for run in runs])
            with open_publisher(settings) as publisher:
                request_runs(transaction, publisher, Topology.of(settings), asked)
        except MailroomError as error:
            self.message_user(request, f"Not run again: {error}", messages.ERROR)
            return
        for run, new in zip(runs, asked, strict=True):
            note_change(request, ReportRun, run.pk, str(run), f"Run again as {new.run_id}.")
            link = format_html("<a href='{}'>{}</a>", _address(new.run_id), new.run_id)
            self.message_user(
                request, format_html("Asked for {} again, as run {}.", run, link), messages.SUCCESS
            )


def _report_names() -> set[str]:
    return set(Catalogue.load(mailroom_settings().reports.catalogue_path).reports)


def _address(run_id: UUID | str) -> str:
    return reverse("admin:mailroom_reportrun_change", args=(run_id,))
