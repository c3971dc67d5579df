"""The console as a service: a WSGI server that drains."""

import logging
import threading

import structlog
from cheroot.server import HeaderReader, HTTPConnection, HTTPRequest
from cheroot.wsgi import Server
from django.core.management import call_command

from services.console.web import project
from shared.database.connections import check_database
from shared.errors import MailroomError
from shared.settings import Settings

_log = structlog.get_logger()
#: Octets; a form of the console is far smaller.
_LARGEST_HEADER, _LARGEST_BODY = 64 * 1024, 8 * 1024**2
#: They describe at length, and raw, what the request log and `access` say in a line.
_TALKATIVE = ("axes", "django.request", "django.security")


class ConsolePortTaken(MailroomError):
    """The console's port is taken."""


class WebConsole:
    """Serves the pages from threads of its own.

    Raises:
        DatabaseUnreachable: the database does not answer, or the login may not act as the console's role.
        SchemaOutdated: migrations are missing, Mailroom's or the console's own.
        SettingsInvalid: the first administrator that the settings name cannot be made.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        _open(settings)
        from services.console.users.first_admin import make_first_admin

        if name := make_first_admin(settings):
            _log.info("made the first administrator", action="first-admin-made", user=name)
        call_command("clearsessions")
        self._server = _Server(settings)
        self._prepared = threading.Event()
        self._failure: OSError | None = None
        # the server's threads are made by this one, so that a page that never ends keeps no process alive
        self._thread = threading.Thread(target=self._serve, name="console", daemon=True)

    def start(self) -> None:
        """Begin to serve.

        Raises:
            ConsolePortTaken: as it says.
        """
        self._thread.start()
        self._prepared.wait()
        if self._failure:
            console = self._settings.console
            raise ConsolePortTaken(
                f"cannot serve the console on {console.address}:{console.port} ({self._failure}); "
                "set console.port"
            )
        _log.info("serving pages", action="console-serving", port=self._server.bind_addr[1])

    def drain(self, timeout: float) -> bool:
        """Finish the pages in progress."""
        self._server.shutdown_timeout = timeout
        stopping = threading.Thread(target=self._server.stop, name="console-stop", daemon=True)
        stopping.start()
        stopping.join(timeout)
        return not stopping.is_alive()

    def trouble_living(self) -> str | None:
        """Say whether the server has ended."""
        ended = self._prepared.is_set() and not self._thread.is_alive()
        return "the web server has ended" if ended else None

    def trouble_working(self) -> str | None:
        """Say why no page could be made now."""
        if not self._prepared.is_set():
            return "the web server has not started yet"
        try:
            check_database(self._settings.database_url)
        except MailroomError as error:
            return str(error)
        return None

    def _serve(self) -> None:
        try:
            self._server.prepare()
        except OSError as error:
            self._failure = error
            return
        finally:
            self._prepared.set()
        self._server.serve()


def check_console(settings: Settings) -> None:
    """See that the console could start; whether the database answers at all is every service's check.

    Raises:
        DatabaseUnreachable: the login may not act as the console's role.
        SchemaOutdated: the console's own migrations are missing.
    """
    try:
        check_database(settings.database_url)
    except MailroomError:
        return
    _open(settings)


def _open(settings: Settings) -> None:
    project.set_up(settings)
    from services.console.web.schema import check_schema

    check_schema()
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _HeaderReader(HeaderReader):
    """Drops `X_Forwarded_For`, which would reach Django under the same name as `X-Forwarded-For`."""

    def _allow_header(
        self, key_name: bytes
    ) -> bool:  # cheroot's own reader of the kind looks for text in octets
        return b"_" not in key_name


class _Request(HTTPRequest):
    header_reader = _HeaderReader()


class _Connection(HTTPConnection):
    RequestHandlerClass = _Request


class _Server(Server):
    """Cheroot, with bounds on what it reads, logging as we do."""

    ConnectionClass = _Connection
    max_request_header_size = _LARGEST_HEADER
    max_request_body_size = _LARGEST_BODY

    def __init__(self, settings: Settings) -> None:
        from django.core.wsgi import get_wsgi_application

        console = settings.console
        super().__init__(
            (console.address, console.port),
            get_wsgi_application(),
            numthreads=console.threads,
            server_name="Mailroom",
        )

    def error_log(
        self,
        msg: str = "",
        level: int = logging.INFO,
        traceback: bool = False,  # noqa: FBT001, FBT002 - cheroot's signature
    ) -> None:
        """Log what the server itself has to say."""
        _log.log(level, str(msg), action="console-server", exc_info=traceback)
