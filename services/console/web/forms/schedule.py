"""The form of a schedule, checked as a whole before anything is stored."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.conf import settings as configured

from services.console.schedules.validation import schedule_problems
from services.console.web.forms.spans import SpanField
from services.console.web.models import Schedule
from services.console.web.project import mailroom_settings
from services.report_worker.catalogue import Catalogue
from services.scheduler import due

#: Changing one of these begins the schedule anew.
RHYTHM = frozenset({"crontab", "every", "time_zone", "starts_at"})
_EMPTY_IS_NONE = ("crontab", "description")


class ScheduleForm(forms.ModelForm):
    """A schedule as it is typed."""

    class Meta:
        model = Schedule
        fields = (
            "name",
            "description",
            "enabled",
            "task",
            "args",
            "crontab",
            "every",
            "time_zone",
            "one_off",
            "starts_at",
            "expires_after",
            "catch_up",
        )
        field_classes = {"every": SpanField}
        widgets = {
            "args": forms.Textarea(attrs={"rows": 3, "cols": 80, "spellcheck": "false"}),
            "every": forms.TextInput(attrs={"size": 12}),
            "time_zone": forms.TextInput(attrs={"list": "time-zones", "class": "vTextField"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: What the scheduler would go by, once the form was checked; None when that cannot be told.
        self.typed: due.Schedule | None = None
        if "args" in self.fields:
            self.fields["args"].required = False  # what an empty one lacks is said below
        for name in ("starts_at", "expires_after"):
            if name in self.fields:
                field = self.fields[name]
                field.help_text = f"{field.help_text} The time is in {configured.TIME_ZONE}."

    def clean(self) -> dict[str, Any]:
        """Check what the fields say together."""
        values: dict[str, Any] = super().clean() or {}
        for name in _EMPTY_IS_NONE:
            values[name] = values.get(name) or None
        if self.unread_times():  # no telling when it would fire
            return values
        self.typed = self._read(values)
        catalogue = Catalogue.load(mailroom_settings().reports.catalogue_path)
        unread = set(self.errors)
        for problem in schedule_problems(self.typed, catalogue):
            if problem.field not in unread:
                self.add_error(problem.field, problem.message)
        return values

    def unread_times(self) -> list[str]:
        """Say why it cannot be told when it would fire, as far as single fields go."""
        fields = ("every", "starts_at", "expires_after")
        return [str(message) for name in fields for message in self.errors.get(name, ())]

    def _read(self, values: dict[str, Any]) -> due.Schedule:
        now = datetime.now(UTC)
        row = self.instance
        return due.Schedule(
            name=values.get("name") or "",
            task=values.get("task") or "",
            args=values.get("args", {}),
            crontab=values.get("crontab"),
            every=values.get("every"),
            time_zone=values.get("time_zone") or "",
            one_off=bool(values.get("one_off")),
            starts_at=values.get("starts_at"),
            expires_after=values.get("expires_after"),
            catch_up=values.get("catch_up") or "latest",
            last_nominal_at=row.last_nominal_at,
            created_at=row.created_at or now,
            enabled_at=now if RHYTHM & set(self.changed_data) else row.enabled_at or now,
        )


def scheduled(row: Schedule) -> due.Schedule:
    """Return what the scheduler goes by."""
    return due.Schedule(
        name=row.name,
        task=row.task,
        args=row.args,
        crontab=row.crontab,
        every=row.every,
        time_zone=row.time_zone,
        one_off=row.one_off,
        starts_at=row.starts_at,
        expires_after=row.expires_after,
        catch_up=row.catch_up,  # type: ignore[arg-type]  # the table checks it
        last_nominal_at=row.last_nominal_at,
        created_at=row.created_at,
        enabled_at=row.enabled_at,
    )
