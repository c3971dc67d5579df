"""What a browser is shown when no page could be made, and what the log says then."""

import sys
from http import HTTPStatus
from typing import Final

import psycopg
import structlog
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.encoding import escape_uri_path

_OUTAGE = (InterfaceError, OperationalError, psycopg.OperationalError)
#: By status: what happened, and what to do next.
_WORDS: Final = {
    HTTPStatus.BAD_REQUEST: (
        "This request is malformed",
        "A host name that the console is to answer to has to be in the setting console.hosts.",
    ),
    HTTPStatus.FORBIDDEN: (
        "Not allowed",
        "Your role does not allow this. An administrator can give you another one.",
    ),
    HTTPStatus.NOT_FOUND: (
        "There is no such page",
        "It may have been removed, or the address is mistyped.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "This page failed",
        "The console's log says why. Look whether your change was made before you make it again.",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "The database does not answer",
        "Try again in a moment. Look whether your change was made before you make it again.",
    ),
}
_FORM_TOO_OLD = (
    "This form is too old",
    "Go back, load the page anew, and send the form once more.",
)
_log = structlog.get_logger()


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what cannot be read, such as another host's name."""
    return _answer(HTTPStatus.BAD_REQUEST)


def not_allowed(_request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what a role does not allow."""
    return _answer(HTTPStatus.FORBIDDEN)


def form_too_old(_request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without the token that shows it is ours."""
    return _answer(HTTPStatus.FORBIDDEN, _FORM_TOO_OLD)


def not_found(_request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address without a page."""
    return _answer(HTTPStatus.NOT_FOUND)


def page_failed(_request: HttpRequest) -> HttpResponse:
    """Answer a request whose page raised something; an outage of the database is nobody's mistake."""
    if isinstance(sys.exception(), _OUTAGE):
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE)
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR)


def _answer(status: HTTPStatus, words: tuple[str, str] | None = None) -> HttpResponse:
    """A page made of nothing but words: looking for user or messages would need the database."""
    title, advice = words or _WORDS[status]
    page = {"title": title, "advice": advice, "site_title": "Mailroom", "site_header": "Mailroom"}
    return HttpResponse(render_to_string("console/access/failure.html", page), status=status)


@receiver(got_request_exception)
def _log_exception(request: HttpRequest | None = None, **_: object) -> None:
    path = escape_uri_path(request.path) if request else None
    if isinstance(sys.exception(), _OUTAGE):
        _log.warning("the database cannot be used now", action="page-failed", path=path)
    else:
        _log.exception("a page failed", action="page-failed", path=path)
