"""The console as a service: a WSGI server that drains."""

import threading

import structlog
from cheroot.wsgi import Server

from shared.database.connections import check_database
from shared.errors import MailroomError
from shared.settings import Settings

_log = structlog.get_logger()


class ConsolePortTaken(MailroomError):
    """The console's port is taken."""


class WebConsole:
    """Serves the pages from threads of its own."""

    def __init__(self, settings: Settings) -> None:
        check_database(settings.database_url)
        self._settings = settings
        self._thread: threading.Thread | None = None
        self._server: Server | None = None

    def start(self) -> None:
        """Begin to serve.

        Raises:
            ConsolePortTaken: as it says.
        """
        from services.console.web import project

        project.set_up(self._settings)
        from django.core.wsgi import get_wsgi_application

        console = self._settings.console
        self._server = Server(
            (console.address, console.port), get_wsgi_application(), numthreads=console.threads
        )
        try:
            self._server.prepare()
        except OSError as error:
            raise ConsolePortTaken(
                f"cannot serve the console on {console.address}:{console.port} ({error}); set console.port"
            ) from error
        self._thread = threading.Thread(target=self._server.serve, name="console", daemon=True)
        self._thread.start()
        _log.info("serving pages", action="console-serving", port=self._server.bind_addr[1])

    def drain(self, timeout: float) -> bool:
        """Finish the pages in progress."""
        if self._server is None or self._thread is None:
            return True
        self._server.shutdown_timeout = timeout
        self._server.stop()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def trouble_living(self) -> str | None:
        """Say whether the server has ended."""
        alive = self._thread is not None and self._thread.is_alive()
        return None if alive else "the web server has ended"

    def trouble_working(self) -> str | None:
        """Say why no page could be made now."""
        try:
            check_database(self._settings.database_url)
        except MailroomError as error:
            return str(error)
        return None
