"""Time spans as people type them: 5s, 1m, 2d3h."""

from datetime import timedelta
from typing import Any

from django import forms

from shared.settings.values import format_time_span, parse_time_span


class SpanField(forms.CharField):
    """A time span; its value is a `timedelta`, or None when nothing was typed."""

    def prepare_value(self, value: Any) -> Any:
        """Show a time span as people type it."""
        return format_time_span(value) if isinstance(value, timedelta) else value

    def clean(self, value: Any) -> Any:
        """Read what was typed.

        Raises:
            forms.ValidationError: it is no time span; the message gives the accepted form.
        """
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_time_span(text)
        except ValueError as error:
            raise forms.ValidationError(f"This is {error}.") from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the spans rather than how they are written: 60m is 1h."""
        try:
            return bool((parse_time_span(data) if data else None) != initial)
        except ValueError:
            return True
