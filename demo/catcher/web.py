"""The catcher's web page: mails newest first, one mail in full, its attachments, its source, a list as JSON.

`Pages` decides what to answer to a path; `WebPage` is the thread that serves it. No page has a script, and
what comes from a mail is escaped, or shown in a frame that may do nothing.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from demo.catcher import reading
from demo.catcher.mailbox import CaughtMail, Mailbox

PAGE_SIZE = 50

#: No scripts, nothing from elsewhere. A frame with a mail's HTML inherits this, hence the images.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: cid:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

#: Put before a mail's HTML, for when it is looked at elsewhere than in our page.
_FRAME_HEAD = (
    '<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data: cid:\">"
)

_TEMPLATES = Environment(
    loader=PackageLoader("demo.catcher"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"header": reading.header, "size": reading.size}


@dataclass(frozen=True, slots=True)
class Response:
    """What to answer a browser."""

    content: bytes
    media_type: str = "text/html; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    headers: dict[str, str] = field(default_factory=dict)


_NOT_FOUND = Response(b"There is no such page.\n", "text/plain; charset=utf-8", HTTPStatus.NOT_FOUND)

Query = dict[str, list[str]]

_Page = Callable[[re.Match[str], Query], Response | None]


class Pages:
    """What there is to see of a mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        """Show a mailbox; its mails are only parsed when they are looked at."""
        self._mailbox = mailbox
        self._reading = lru_cache(maxsize=PAGE_SIZE * 4)(_read)
        # a demo asks for all rows again and again
        self._row = lru_cache(maxsize=None)(_row)
        self._pages: tuple[tuple[str, _Page], ...] = (
            (r"/", self._list),
            (r"/messages\.json", self._list_json),
            (r"/messages/(?P<number>\d{1,9})", self._mail),
            (r"/messages/(?P<number>\d{1,9})/raw", self._raw),
            (r"/messages/(?P<number>\d{1,9})/attachments/(?P<position>\d{1,4})", self._attachment),
        )

    def respond(self, target: str) -> Response:
        """Answer a GET of a path with its query, as in the request line."""
        path, _, query = target.partition("?")
        for pattern, page in self._pages:
            if match := re.fullmatch(pattern, path, re.ASCII):
                return page(match, parse_qs(query)) or _NOT_FOUND
        return _NOT_FOUND

    def _list(self, _match: re.Match[str], query: Query) -> Response:
        mails = self._mailbox.snapshot()
        pages = max(1, -(-len(mails) // PAGE_SIZE))
        wanted = re.fullmatch(r"[0-9]{1,9}", query.get("page", [""])[0])
        page = min(max(1, int(wanted[0])), pages) if wanted else 1
        newest_first = mails[::-1][(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        rows = [(mail, self._reading(mail)) for mail in newest_first]
        return _html("list.html", rows=rows, total=len(mails), page=page, pages=pages)

    def _list_json(self, _match: re.Match[str], _query: Query) -> Response:
        rows = [self._row(mail) for mail in self._mailbox.snapshot()]
        return Response(json.dumps(rows).encode(), "application/json")

    def _mail(self, match: re.Match[str], _query: Query) -> Response | None:
        mail = self._mailbox.get(int(match["number"]))
        if mail is None:
            return None
        return _html("mail.html", mail=mail, content=self._reading(mail), frame_head=_FRAME_HEAD)

    def _raw(self, match: re.Match[str], _query: Query) -> Response | None:
        mail = self._mailbox.get(int(match["number"]))
        return None if mail is None else Response(mail.content, "text/plain; charset=utf-8")

    def _attachment(self, match: re.Match[str], _query: Query) -> Response | None:
        mail, position = self._mailbox.get(int(match["number"])), int(match["position"])
        if mail is None or position > len(attachments := self._reading(mail).attachments) or position == 0:
            return None
        attachment = attachments[position - 1]
        disposition = (
            f"attachment; filename*=UTF-8''{quote(attachment.name.encode('utf-8', 'replace'), safe='')}"
        )
        # its media type is the mail's own claim; the browser needs only the name to save it under
        return Response(
            attachment.content, "application/octet-stream", headers={"Content-Disposition": disposition}
        )


def _read(mail: CaughtMail) -> reading.Reading:
    return reading.read(mail.content)


def _row(mail: CaughtMail) -> dict[str, object]:
    headers = reading.read_headers(mail.content)
    return {
        "id": mail.number,
        "mail_from": mail.mail_from,
        "rcpt_tos": mail.rcpt_tos,
        "subject": reading.header(headers, "Subject"),
        "message_id": reading.header(headers, "Message-ID"),
        "received_at": mail.received_at.isoformat(),
        "size": len(mail.content),
    }


def _html(template: str, **values: object) -> Response:
    return Response(_TEMPLATES.get_template(template).render(values).encode("utf-8", "replace"))


class WebPage:
    """Serves the pages from a thread of its own, each request from another."""

    def __init__(self, mailbox: Mailbox, host: str, port: int) -> None:
        """Listen, on a free port if it is 0; `start` answers.

        Raises:
            OSError: the port is taken.
        """
        pages = Pages(mailbox)

        class Handler(BaseHTTPRequestHandler):
            timeout = 30

            def do_GET(self) -> None:
                _send(self, pages.respond(self.path))

            def log_message(self, *_arguments: object) -> None:
                """Say nothing: the page refreshes itself all the time."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="catcher-http",
            daemon=True,
        )

    def start(self) -> int:
        """Answer; gives the port."""
        self._thread.start()
        return self._server.server_port

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._thread.join()
        self.close()

    def close(self) -> None:
        """Stop listening, having never started."""
        self._server.server_close()


def _send(request: BaseHTTPRequestHandler, response: Response) -> None:
    request.send_response(response.status)
    headers = {
        "Content-Type": response.media_type,
        "Content-Length": str(len(response.content)),
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    for name, value in (headers | response.headers).items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(response.content)
