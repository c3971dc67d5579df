"""What every service's process has in common: options, settings, `--check`, health, signals, exit codes."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog

from shared.broker.link import check_broker
from shared.database.connections import check_database, reports_url
from shared.errors import MailroomError
from shared.settings import Settings, load_settings
from shared.telemetry import tracing
from shared.telemetry.http import HealthPages
from shared.telemetry.logging import configure_logging

_log = structlog.get_logger()
EX_OK = 0
EX_FAILED = 1
#: sysexits.h: something was found in an unconfigured or misconfigured state.
EX_CONFIG = 78


class Service(Protocol):
    """A service as its process sees it."""

    def start(self) -> None:
        """Begin to work."""

    def drain(self, timeout: float) -> bool:
        """Take no more work, finish what is in progress, and tell whether it ended within `timeout` s."""

    def trouble_living(self) -> str | None:
        """Say what is stuck, so that a restart would help."""

    def trouble_working(self) -> str | None:
        """Say why no work can be done now."""


def run_service(
    name: str,
    build: Callable[[Settings], Service],
    arguments: Sequence[str] | None = None,
    check: Callable[[Settings], object] = lambda _: None,
) -> int:
    """Run a service until SIGTERM or SIGINT; a second signal ends the process at once.

    Args:
        name: the service's name, for logs and help.
        build: makes the service from the settings.
        arguments: of the command line; default: this process's.
        check: what `--check` looks at of this service alone; raises MailroomError when it finds something.

    Returns:
        The exit code: 0 after draining, 1 when draining took too long, 78 when the settings are wrong or
        `--check` found something.
    """
    options = _parse(name, arguments)
    try:
        settings = load_settings(options.config)
        configure_logging(name, settings.log_format, settings.log_level)
        if options.check:
            _check(settings, check)
            print(f"{name}: settings, database and broker are in order")  # noqa: T201 - --check answers here
            return EX_OK
        tracing.start(name, settings)
        return _serve(build(settings), settings)
    except MailroomError as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 - logging may not be configured yet
        return EX_CONFIG


def _parse(name: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m services.{name}")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file (default: mailroom.toml)")
    parser.add_argument(
        "--check", action="store_true", help="check settings, database, schema and broker, then exit"
    )
    return parser.parse_args(arguments)


def _check(settings: Settings, of_service: Callable[[Settings], object]) -> None:
    """Check all there is to check and report every trouble in one go."""
    checks: list[Callable[[], object]] = [
        lambda: of_service(settings),
        lambda: tracing.check(settings),
        lambda: check_database(settings.database_url),
        lambda: check_broker(settings.amqp_url),
    ]
    if settings.reports_database_url:
        checks.append(lambda: check_database(reports_url(settings)))
    troubles = []
    for check in checks:
        try:
            check()
        except MailroomError as error:
            troubles.append(str(error))
    if troubles:
        raise MailroomError("\n".join(troubles))


def _serve(service: Service, settings: Settings) -> int:
    wait_for_signal = _listen_to_signals()
    pages = HealthPages(
        settings.http_address, settings.http_port, service.trouble_living, service.trouble_working
    )
    pages.start()
    service.start()
    _log.info("started", action="service-started", http_port=pages.port)
    wait_for_signal()
    _log.info("draining", action="service-draining")
    drained = service.drain(settings.worker.drain_timeout.total_seconds())
    pages.stop()
    tracing.stop()
    _log.info("stopped", action="service-stopped", drained=drained)
    return EX_OK if drained else EX_FAILED


def _listen_to_signals() -> Callable[[], object]:
    """Listen to SIGTERM and SIGINT; returns what waits for the first, a second one ends the process at once.

    The kernel may give a signal to any thread, and Python hears it only when this one goes on. So this one
    waits for an octet, which is written in whichever thread the signal came to.
    """
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told)
    asked = threading.Event()

    def receive(*_: object) -> None:
        if asked.is_set():
            os._exit(EX_FAILED)
        asked.set()

    signal.signal(signal.SIGTERM, receive)
    signal.signal(signal.SIGINT, receive)
    return partial(os.read, heard, 1)
