"""Response headers that Django has no settings for."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import add_never_cache_headers

#: Every browser feature that a page could ask for and none of ours does.
_NO_FEATURES = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class Headers:
    """A middleware: no browser features, and nothing kept by caches, which would show it after the logout."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        response = self._get_response(request)
        response.headers["Permissions-Policy"] = _NO_FEATURES
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response
