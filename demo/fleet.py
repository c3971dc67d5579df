"""Service processes of this checkout: started, awaited, killed, restarted, and always ended."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from demo.servers.free_port import free_ports
from shared.errors import MailroomError

_ROOT = Path(__file__).parent.parent


class ServiceFailed(MailroomError):
    """A service process ended or did not become ready."""


@dataclass(slots=True)
class ServiceProcess:
    """One running `python -m services.NAME`."""

    name: str
    process: subprocess.Popen[bytes]
    http_port: int
    log: Path

    def ready(self) -> bool:
        """Whether /readyz says so now."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/readyz", timeout=1) as answer:
                return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK
        except (OSError, urllib.error.URLError):
            return False

    def metrics(self) -> str:
        """Return the text of /metrics."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def kill(self) -> None:
        """SIGKILL, as when a machine dies."""
        self.process.kill()
        self.process.wait()

    def terminate(self, timeout: float = 30) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def tail(self, lines: int = 15) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])


class Fleet:
    """A context that starts service processes and ends every one of them when it is left.

    Args:
        environment: MAILROOM_* variables for all of them, on top of this process's other variables.
        folder: where their logs go; default: a temporary folder that goes with the fleet.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path | None = None) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAILROOM_")}
        self._environment = {**inherited, **environment}
        self._folder = folder
        self._started = 0
        self._stack = ExitStack()
        self._leaving: list[ServiceProcess] = []
        self.processes: list[ServiceProcess] = []

    def __enter__(self) -> Self:
        if self._folder is None:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="mailroom-")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            self._stack.close()

    def start(self, name: str, **variables: str) -> ServiceProcess:
        """Start one replica of a service; it may not be ready yet."""
        assert self._folder is not None, "enter the fleet first"  # noqa: S101 - a programming error, not a state
        self._started += 1
        (port,) = free_ports(1)
        log = self._folder / f"{self._started:03}-{name}.log"
        with log.open("wb") as output:
            process = _spawn(
                name, {**self._environment, "MAILROOM_HTTP_PORT": str(port), **variables}, output
            )
        service = ServiceProcess(name, process, port, log)
        self.processes.append(service)
        return service

    def wait_ready(self, timeout: float = 120) -> None:
        """Wait until every running process is ready.

        Raises:
            ServiceFailed: one ended, or is not ready in time; with the end of its log.
        """
        until = time.monotonic() + timeout
        waiting = list(self.processes)
        while waiting:
            for service in waiting:
                if service.process.poll() is not None:
                    raise ServiceFailed(
                        f"{service.name} ended with {service.process.returncode}:\n{service.tail()}"
                    )
            waiting = [service for service in waiting if not service.ready()]
            if waiting and time.monotonic() > until:
                names = ", ".join(service.name for service in waiting)
                raise ServiceFailed(f"not ready after {timeout:.0f} s: {names}\n{waiting[0].tail()}")
            if waiting:
                time.sleep(0.1)

    def replace(self, service: ServiceProcess) -> ServiceProcess:
        """Start another replica in place of one that was ended, or is ending and will be seen to its end."""
        self.processes.remove(service)
        self._leaving.append(service)
        return self.start(service.name)

    def gone(self) -> list[ServiceProcess]:
        """Return those that were replaced and have ended since the last time."""
        gone = [service for service in self._leaving if service.process.poll() is not None]
        self._leaving = [service for service in self._leaving if service not in gone]
        return gone

    def stop(self) -> None:
        """End every process: SIGTERM to all, SIGKILL to those that do not end."""
        running = [*self.processes, *self._leaving]
        for service in running:
            if service.process.poll() is None:
                service.process.send_signal(signal.SIGCONT)  # a stopped one hears SIGTERM when it goes on
                service.process.terminate()
        for service in running:
            try:
                service.process.wait(20)
            except subprocess.TimeoutExpired:
                service.kill()
        self.processes.clear()
        self._leaving.clear()


def _spawn(name: str, environment: Mapping[str, str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", f"services.{name}"],
        cwd=_ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        # Ctrl-C at the terminal reaches the demo alone, which then ends its fleet in order
        start_new_session=True,
    )
