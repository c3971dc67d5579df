"""The pages of a preview: what a reader has to know, and each part of the mail from an address of its own."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import psycopg
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import content_disposition_header

from services.console.web.previews.mail import Mail, take_apart
from services.console.web.previews.sources import Source
from shared.errors import MailroomError

#: A page from outside may be styled and show the pictures it brings along, and nothing else.
_FRAMED = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
_SAVED = "default-src 'none'; sandbox"


class Previews:
    """The addresses below `preview/KIND/KEY/`.

    Args:
        kind: run, subscription or entry; the page's name is `preview-KIND`.
        converter: of the key: uuid, int.
        permission: what a user needs to look.
        label: what is shown, for the title; raises Http404 where there is no such thing.
        source: makes the mail.
        origin: name of the page of what it is made from.
    """

    def __init__(
        self,
        kind: str,
        converter: str,
        permission: str,
        *,
        label: Callable[[Any], str],
        source: Callable[[Any, HttpRequest], Source],
        origin: Callable[[Any], str],
    ) -> None:
        self._kind = kind
        self._converter = converter
        self._permission = permission
        self._label = label
        self._source = source
        self._origin = origin

    def urls(self) -> Iterator[URLPattern]:
        """Return the page, and the parts of its mail."""
        start = f"preview/{self._kind}/<{self._converter}:key>/"
        yield path(start, self._guarded(self._page), name=self._named())
        yield path(f"{start}html/", self._guarded(self._html), name=self._named("html"))
        yield path(f"{start}mail/", self._guarded(self._whole), name=self._named("mail"))
        yield path(f"{start}file/<int:number>/", self._guarded(self._file), name=self._named("file"))

    def _named(self, part: str = "") -> str:
        return "-".join(filter(None, ("preview", self._kind, part)))

    def _guarded(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        def allowed(request: HttpRequest, key: Any, **rest: Any) -> HttpResponse:
            if not request.user.has_perm(self._permission):
                raise PermissionDenied
            return view(request, key, **rest)

        return admin.site.admin_view(allowed)

    def _page(self, request: HttpRequest, key: Any) -> HttpResponse:
        label = self._label(key)
        context = {
            **admin.site.each_context(request),
            "title": f"Preview of {label}",
            "origin": self._origin(key),
            "origin_label": label,
        }
        try:
            source = self._source(key, request)
        except (MailroomError, psycopg.Error) as error:
            context["problem"] = str(error)
        else:
            context |= {"source": source, **self._parts(key, source)}
        return TemplateResponse(request, "console/preview/page.html", context)

    def _parts(self, key: Any, source: Source) -> dict[str, Any]:
        if not source.message:
            return {}
        mail = take_apart(source.message)
        query = f"?{urlencode(source.query)}" if source.query else ""
        files = [
            (file, reverse(self._named("file"), args=(key, number)) + query)
            for number, file in enumerate(mail.files)
        ]
        return {
            "mail": mail,
            "files": files,
            "html_url": reverse(self._named("html"), args=(key,)) + query,
            "mail_url": reverse(self._named("mail"), args=(key,)) + query,
        }

    def _html(self, request: HttpRequest, key: Any) -> HttpResponse:
        html = self._mail(request, key).html
        if html is None:
            raise Http404("this mail has no HTML")
        return HttpResponse(html, headers={"Content-Security-Policy": _FRAMED})

    def _whole(self, request: HttpRequest, key: Any) -> HttpResponse:
        return _saved("mail.eml", "message/rfc822", self._message(request, key))

    def _file(self, request: HttpRequest, key: Any, number: int) -> HttpResponse:
        files = self._mail(request, key).files
        if number >= len(files):
            raise Http404("this mail has no such file")
        return _saved(files[number].name, files[number].content_type, files[number].content)

    def _mail(self, request: HttpRequest, key: Any) -> Mail:
        return take_apart(self._message(request, key))

    def _message(self, request: HttpRequest, key: Any) -> bytes:
        try:
            message = self._source(key, request).message
        except (MailroomError, psycopg.Error) as error:
            raise Http404(str(error)) from error
        if not message:
            raise Http404("there is no mail")
        return message


def _saved(name: str, content_type: str, content: bytes) -> HttpResponse:
    return HttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": content_disposition_header(as_attachment=True, filename=name)
            or "attachment",
            "Content-Security-Policy": _SAVED,
        },
    )
