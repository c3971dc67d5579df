"""The operator's publisher: connected for one command."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from shared.broker.link import check_broker
from shared.broker.publisher import Publisher
from shared.settings import Settings
from shared.telemetry.logging import configure_logging


@contextmanager
def publishing(settings: Settings) -> Iterator[Publisher]:
    """Open a publisher; it logs to standard error, so that standard output is the command's alone.

    Raises:
        BrokerUnreachable: no node answers.
    """
    configure_logging("console", settings.log_format, settings.log_level)
    with open_publisher(settings) as publisher:
        yield publisher


@contextmanager
def open_publisher(settings: Settings) -> Iterator[Publisher]:
    """Open a publisher in a process that logs already.

    Raises:
        BrokerUnreachable: no node answers.
    """
    check_broker(settings.amqp_url)
    # somebody is waiting, and may try again
    publisher = Publisher.of(settings, "console", patience=timedelta(0))
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.stop()
