"""The form of all preferences that are shown, each with an editor of its kind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from services.console.preferences.preferences import StoredPreference
from services.report_worker.preference_registry import LEVELS, PreferenceMalformed, parse_level, validate
from shared.settings.values import parse_yes_no

_YES_NO = (("true", "Yes"), ("false", "No"))
_RESET = "reset:"


@dataclass(frozen=True, slots=True)
class Editor:
    """A preference with its field, and the box that brings its default back."""

    preference: StoredPreference
    value: BoundField
    reset: BoundField | None


class PreferencesForm(forms.Form):
    """What every preference is to be; only what was typed counts as changed, whoever stored what meanwhile.

    Args:
        preferences: those that are shown.
        editable: whether whoever looks may change them.
    """

    def __init__(
        self, *args: Any, preferences: Sequence[StoredPreference], editable: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.preferences = preferences
        for preference in preferences:
            self.fields[preference.key] = _field(preference)
            if _typed(preference.kind, preference.value) != _typed(preference.kind, preference.default):
                self.fields[_RESET + preference.key] = forms.BooleanField(
                    label=f"Reset to default: {preference.default}", required=False
                )
        for field in self.fields.values():
            field.disabled = not editable

    def editors(self) -> Iterator[Editor]:
        """Yield what the page shows, in the order of listings."""
        for preference in self.preferences:
            reset = _RESET + preference.key
            yield Editor(preference, self[preference.key], self[reset] if reset in self.fields else None)

    def clean(self) -> dict[str, Any]:
        """Check each value as `mailroom preferences set` does; the default needs no check."""
        values: dict[str, Any] = super().clean() or {}
        for preference in self.preferences:
            section, _, name = preference.key.partition("__")
            if values.get(_RESET + preference.key):
                self.errors.pop(preference.key, None)
                continue
            if preference.key in self.changed_data and preference.key in values:
                try:
                    validate(section, name, values[preference.key])
                except PreferenceMalformed as error:
                    self.add_error(preference.key, f"{error}.")
        return values

    def changes(self) -> dict[str, str]:
        """Return what is to be stored, by key: what was typed anew, and the defaults that were asked for."""
        values = self.cleaned_data
        return {
            preference.key: preference.default
            if values.get(_RESET + preference.key)
            else values[preference.key]
            for preference in self.preferences
            if values.get(_RESET + preference.key) or preference.key in self.changed_data
        }


def _field(preference: StoredPreference) -> forms.Field:
    initial = _typed(preference.kind, preference.value)
    common: dict[str, Any] = {"label": preference.label, "initial": initial, "show_hidden_initial": True}
    choices = {"boolean": _YES_NO, "level": tuple((level, level) for level in LEVELS)}.get(preference.kind)
    if choices is None:
        attributes = {"size": 12 if preference.kind == "duration" else 40}
        return forms.CharField(**common, required=False, widget=forms.TextInput(attrs=attributes))
    if preference.problem:  # the stored value is none of the choices, and stays until another is chosen
        choices = ((preference.value, f"{preference.value} (cannot be used)"), *choices)
    return forms.ChoiceField(**common, choices=choices)


def _typed(kind: str, text: str) -> str:
    """Return a value as its editor writes it; one that cannot be read as it is."""
    try:
        if kind == "boolean":
            return "true" if parse_yes_no(text) else "false"
        return parse_level(text) if kind == "level" else text
    except ValueError:
        return text
