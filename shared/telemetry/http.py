"""The pages every service serves: `/metrics`, `/livez`, `/readyz`."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from shared.errors import MailroomError

#: Says what is wrong, or None when nothing is.
Check = Callable[[], str | None]


class PortTaken(MailroomError):
    """The port of the health pages is taken."""


class HealthPages:
    """Serves metrics and health from a thread of its own.

    Liveness means that the service's loops turn, not that broker or database can be reached: an outage of
    theirs must not restart the fleet. Readiness means that there is work it could do now.
    """

    def __init__(self, address: str, port: int, live: Check, ready: Check) -> None:
        class Pages(_Pages):
            checks: ClassVar = {"/livez": live, "/readyz": ready}

        try:
            self._server = ThreadingHTTPServer((address, port), Pages)
        except OSError as error:
            raise PortTaken(
                f"cannot serve metrics and health on {address}:{port} ({error}); set MAILROOM_HTTP_PORT"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port that is really used."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Pages(BaseHTTPRequestHandler):
    checks: ClassVar[dict[str, Check]] = {}

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(REGISTRY))
        elif self.path in self.checks:
            trouble = self.checks[self.path]()
            status = HTTPStatus.SERVICE_UNAVAILABLE if trouble else HTTPStatus.OK
            self._answer(status, "text/plain; charset=utf-8", f"{trouble or 'ok'}\n".encode())
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"/metrics /livez /readyz\n")

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Scrapes are not worth a line each."""
