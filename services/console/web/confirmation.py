"""Asking once more before something that cannot be taken back."""

from collections.abc import Mapping, Sequence

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse

#: The field that says that somebody was asked and said yes.
CONFIRMED = "confirmed"


def is_confirmed(request: HttpRequest) -> bool:
    """Tell whether a form comes from the page that `ask` makes."""
    return CONFIRMED in request.POST


def ask(
    request: HttpRequest,
    *,
    question: str,
    explanation: str,
    items: Sequence[object],
    fields: Mapping[str, Sequence[object]],
    button: str,
    cancel: str = "",
) -> TemplateResponse:
    """Make the page that asks; its form comes back to the same address.

    Args:
        request: the form that was sent.
        question: the page's title.
        explanation: what would happen.
        items: to what.
        fields: names and values the form has to send again.
        button: what it says.
        cancel: where to go instead; by default, the same address.
    """
    context = {
        **admin.site.each_context(request),
        "title": question,
        "explanation": explanation,
        "items": items,
        "fields": [(name, value) for name, values in fields.items() for value in values],
        "confirmed": CONFIRMED,
        "button": button,
        "cancel": cancel or request.get_full_path(),
    }
    return TemplateResponse(request, "console/confirmation.html", context)
