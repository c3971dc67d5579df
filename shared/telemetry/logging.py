"""Logging: JSON lines in services, coloured lines on a terminal; each with an `action`."""

import logging
import sys
from typing import Literal

import structlog

from shared.telemetry import tracing


def configure_logging(service: str, log_format: Literal["auto", "json", "console"], log_level: str) -> None:
    """Set up structlog, and the standard library's logging for the libraries that use it.

    Args:
        service: bound to every line.
        log_format: auto is console on a terminal and json elsewhere.
        log_level: debug, info, warning or error.
    """
    readable = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_trace_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # without the values of local variables, among which may be a password
    if readable:
        steps.append(structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback))
    else:
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        steps += [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[log_level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    # pika and psycopg describe every lost connection at length; our own lines say what follows from it.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


def _add_trace_id(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Let a line of the log lead to the trace of the work it tells of."""
    if trace_id := tracing.trace_id():
        event["trace_id"] = trace_id
    return event
