"""A line in the log and two metrics for each page."""

import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponseBase
from django.utils.encoding import escape_uri_path

from shared.telemetry.metrics import CONSOLE_REQUEST_DURATION, CONSOLE_REQUESTS

_log = structlog.get_logger()
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestLog:
    """A middleware: who asked for what, how it went, how long it took. Static files are not worth a line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        started = time.perf_counter()
        response = self._get_response(request)
        duration = time.perf_counter() - started
        method = str(request.method) if request.method in _METHODS else "other"
        CONSOLE_REQUESTS.labels(method, response.status_code).inc()
        CONSOLE_REQUEST_DURATION.observe(duration)
        _log.info(
            "page",
            action="page-served",
            method=method,
            path=escape_uri_path(request.path),  # without the query: what people search for is theirs
            status=response.status_code,
            seconds=round(duration, 4),
            user=_user(request),
        )
        return response


def _user(request: HttpRequest) -> str | None:
    """The name of whoever is logged in, if that was looked up for the page; it is not looked up for this."""
    user = getattr(request, "_cached_user", None)
    return user.get_username() or None if user else None
