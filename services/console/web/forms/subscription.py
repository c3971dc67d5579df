"""The forms of a subscription and of its test mail."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.conf import settings as configured

from services.console.subscriptions.changes import change_problems, one_line
from services.console.subscriptions.subscriptions import StoredSubscription
from services.console.web.forms.rows import RowForm
from services.console.web.models import Subscription
from services.console.web.project import mailroom_settings
from services.report_worker.catalogue import Catalogue
from services.report_worker.recipients import parse_mailbox

_ONE_LINE = ("name", "from_email", "email_subject", "alternate_email_subject", "columns", "tags")


class SubscriptionForm(forms.ModelForm):
    """A subscription as it is typed; the list has the form of a row with some of the fields."""

    class Meta:
        model = Subscription
        fields = "__all__"  # noqa: DJ007 - the page says which
        widgets = {
            "emails_list": forms.Textarea(attrs={"rows": 2, "cols": 60, "spellcheck": "false"}),
            "notes": forms.Textarea(attrs={"rows": 3, "cols": 60}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "mute_until" in self.fields:
            field = self.fields["mute_until"]
            field.help_text = f"{field.help_text} The time is in {configured.TIME_ZONE}."

    def clean(self) -> dict[str, Any]:
        """Check what was changed as `mailroom subscriptions set` does."""
        values: dict[str, Any] = super().clean() or {}
        for name in [name for name in _ONE_LINE if values.get(name)]:
            try:
                values[name] = one_line(values[name])
            except ValueError as error:
                self.add_error(name, f"This is {error}.")
        if "notes" in values:
            values["notes"] = values["notes"] or None
        self._check(values)
        return values

    def _check(self, values: dict[str, Any]) -> None:
        changed = set(values) if self.instance.pk is None else set(values) & set(self.changed_data)
        reports = Catalogue.load(mailroom_settings().reports.catalogue_path).reports.values()
        wanted = {name: values[name] for name in changed}
        unread = set(self.errors)
        for problem in change_problems(stored(self.instance), wanted, reports):
            field, _, message = problem.partition(": ")
            if field not in unread:
                self.add_error(field, f"{message[:1].upper()}{message[1:]}.")
        mute_until = wanted.get("mute_until")
        if mute_until is not None and mute_until <= datetime.now(UTC):
            self.add_error("mute_until", "This is past; write a later time, or clear it.")


class SubscriptionRowForm(RowForm, SubscriptionForm):
    """A subscription in the list."""

    class Meta(SubscriptionForm.Meta):
        widgets = {"emails_list": forms.Textarea(attrs={"rows": 2, "cols": 28, "spellcheck": "false"})}


class TrialForm(forms.Form):
    """What to send as a test, and to whom.

    Args:
        choices: value and label of each report, or of each report and site or bot.
    """

    what = forms.ChoiceField(label="Report")
    reader = forms.CharField(
        label="To", max_length=254, widget=forms.EmailInput(attrs={"class": "vTextField"})
    )

    def __init__(self, *args: Any, choices: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        what = self.fields["what"]
        if isinstance(what, forms.ChoiceField):
            what.choices = choices

    def clean_reader(self) -> str:
        """See that it is one address."""
        mailbox = parse_mailbox(self.cleaned_data["reader"])
        if mailbox is None:
            raise forms.ValidationError("This is no address; write one such as you@example.com.")
        return mailbox.address


def stored(row: Subscription) -> StoredSubscription:
    """Return a row as the command line knows it."""
    return StoredSubscription(
        **{field.name: getattr(row, field.name) for field in fields(StoredSubscription)}
    )
