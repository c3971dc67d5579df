"""Tracing: one trace shows a piece of work on its way through the services. Optional, by OpenTelemetry.

Without `tracing.endpoint` nothing of OpenTelemetry is imported, and each call here ends at a look at a name.

A trace begins at the scheduler, with an id that follows from that of the run or the poll (see `traceparent`),
and goes on wherever a message carries its `traceparent`. Work that is done again, by a retry, a redelivery or
another worker, so shows in the same trace. Attributes are ids, names, codes, numbers: never an address, never
a part of a mail.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from shared.errors import MailroomError
from shared.settings import Settings
from shared.telemetry.span import NO_SPAN, Kind, Span, Value, named

if TYPE_CHECKING:
    from shared.telemetry.otlp import OtlpTracer


class TracingUnusable(MailroomError):
    """Traces are wanted, and what collects them is not installed."""


_NOTHING: Final[AbstractContextManager[Span]] = nullcontext(NO_SPAN)
_tracer: "OtlpTracer | None" = None


def check(settings: Settings) -> None:
    """See that what the settings ask for is installed.

    Raises:
        TracingUnusable: it is not.
    """
    if settings.tracing.endpoint is None:
        return
    try:
        import shared.telemetry.otlp  # noqa: F401, PLC0415 - optional, and slow to import
    except ModuleNotFoundError as error:
        raise TracingUnusable(
            f"tracing.endpoint is set and {error.name} is not installed; install Mailroom with its extra"
            " `tracing`, or remove the setting"
        ) from error


def start(service: str, settings: Settings) -> None:
    """Collect traces from now on, if the settings say where they go.

    Raises:
        TracingUnusable: OpenTelemetry is not installed.
    """
    global _tracer  # noqa: PLW0603 - one for the process, as there is one registry of metrics
    check(settings)
    if settings.tracing.endpoint is not None:
        from shared.telemetry.otlp import OtlpTracer  # noqa: PLC0415 - optional, and slow to import

        _tracer = OtlpTracer(service, settings, settings.tracing.endpoint)


def stop() -> None:
    """Send what is left, within a bound, and collect no more."""
    global _tracer
    tracer, _tracer = _tracer, None
    if tracer is not None:
        tracer.stop()


def active() -> bool:
    """Whether traces are collected."""
    return _tracer is not None


def span(
    name: str, *, identity: str | None = None, kind: Kind = "internal", **attributes: Value
) -> AbstractContextManager[Span]:
    """Make what happens in a `with` block a step of the current trace.

    Args:
        name: of few different ones.
        identity: makes it the first step of the trace of this id, linked to the current step.
        kind: as OpenTelemetry has it.
        attributes: see the module; each is named `mailroom.NAME`.
    """
    if _tracer is None:
        return _NOTHING
    return _tracer.entered(_tracer.begin(name, kind, named(attributes), identity=identity))


def begin(name: str, identity: str, **attributes: Value) -> Span:
    """Begin the first step of the trace of an id, for whoever ends it; the current step stays what it is.

    Args:
        name: of few different ones.
        identity: what the trace's id follows from.
        attributes: as those of `span`.
    """
    if _tracer is None:
        return NO_SPAN
    return _tracer.begin(name, "internal", named(attributes), identity=identity)


def consuming(
    queue: str, message_id: str | None, headers: Mapping[str, Any], **attributes: Value
) -> AbstractContextManager[Span]:
    """Make the work on a message a step of the trace that it carries, or else of the one it stands for.

    Args:
        queue: short name of the queue it was taken from.
        message_id: of the message.
        headers: of the message, from anybody.
        attributes: see the module.
    """
    if _tracer is None:
        return _NOTHING
    return _tracer.entered(_tracer.begin_consuming(queue, message_id, headers, named(attributes)))


def publishing(routing_key: str, message_id: str, parent: Span | None = None) -> Span:
    """Begin the publishing of a message, for whoever ends it; the message carries the span's traceparent.

    Args:
        routing_key: of the message.
        message_id: of the message.
        parent: what it follows from; default: the current step.
    """
    return NO_SPAN if _tracer is None else _tracer.begin_publishing(routing_key, message_id, parent)


def current() -> Span:
    """Return the step that this thread is at."""
    return NO_SPAN if _tracer is None else _tracer.current()


def event(name: str, **attributes: Value) -> None:
    """Add to the current step what has happened just now."""
    if _tracer is not None:
        _tracer.current().event(name, **attributes)


def note(**attributes: Value) -> None:
    """Add attributes to the current step."""
    if _tracer is not None:
        _tracer.current().note(**attributes)


def fail(error: BaseException) -> None:
    """Add an error to the current step, without addresses and values."""
    if _tracer is not None:
        _tracer.current().fail(error)


def trace_id() -> str | None:
    """Return the id of the current trace, or None."""
    return None if _tracer is None else _tracer.trace_id()
