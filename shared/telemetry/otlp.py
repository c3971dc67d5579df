"""Traces by OpenTelemetry's SDK, sent by OTLP over HTTP from a thread of its own. Needs the extra `tracing`.

Nobody waits for a collector: steps that have ended go into a bounded queue, and what a collector that is away
or slow does not take is dropped.
"""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
    use_span,
)

from shared.settings import Settings
from shared.telemetry.redaction import redacted
from shared.telemetry.span import NO_SPAN, Kind, Value, named
from shared.telemetry.span import Span as Step
from shared.telemetry.traceparent import TRACEPARENT, Traceparent, parse_traceparent, trace_id_of

_log = structlog.get_logger()
#: Seconds one export may take, its own retries included.
_EXPORT_TIMEOUT = 5.0
#: Seconds that a service which has drained waits for its last traces to be taken.
_FLUSH_TIMEOUT = 3.0
_LIMITS: Final = SpanLimits(max_attributes=32, max_events=32, max_links=8, max_attribute_length=256)
_KINDS: Final[Mapping[Kind, SpanKind]] = {
    "internal": SpanKind.INTERNAL,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "client": SpanKind.CLIENT,
}
_RABBITMQ: Final = {"messaging.system": "rabbitmq"}
_Attributes = Mapping[str, str | int | float | bool]


class OtlpTracer:
    """Makes the steps of traces, and sends them.

    Args:
        service: name of this process's service.
        settings: of the whole house.
        endpoint: where traces go; without a path, to `/v1/traces` there.
    """

    def __init__(self, service: str, settings: Settings, endpoint: str) -> None:
        # Of what it says at length, our own lines say the part that matters.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._ids = _Ids()
        self._provider = TracerProvider(
            sampler=ParentBased(_ShareOfTraces(settings.tracing.sample_ratio)),
            resource=Resource.create(
                {
                    "service.name": service,
                    "service.namespace": settings.tracing.service_namespace,
                    "service.version": version("mailroom"),
                    "host.name": settings.host_name,
                }
            ),
            # at exit there would be no bound
            shutdown_on_exit=False,
            id_generator=self._ids,
            span_limits=_LIMITS,
        )
        exporter = OTLPSpanExporter(endpoint=traces_url(endpoint), timeout=_EXPORT_TIMEOUT)
        self._provider.add_span_processor(BatchSpanProcessor(_Watched(exporter)))
        self._tracer = self._provider.get_tracer("mailroom")

    def stop(self) -> None:
        """Send what is left; a collector that does not take it keeps nobody from ending."""
        # the SDK waits for up to half a minute
        ending = threading.Thread(target=self._provider.shutdown, name="tracing-stop", daemon=True)
        ending.start()
        ending.join(_FLUSH_TIMEOUT)

    def begin(
        self,
        name: str,
        kind: Kind,
        attributes: _Attributes,
        *,
        identity: str | None = None,
        context: Context | None = None,
    ) -> "_Recorded":
        """Begin a step, of the current trace or of the one that `identity` or `context` says."""
        links: Sequence[Link] = ()
        if identity is not None:
            at_present = get_current_span().get_span_context()
            links = (Link(at_present),) if at_present.is_valid else ()
            context = Context()
        with self._ids.of(identity):
            return _Recorded(
                self._tracer.start_span(name, context, _KINDS[kind], attributes=attributes, links=links)
            )

    def begin_consuming(
        self, queue: str, message_id: str | None, headers: Mapping[str, Any], attributes: _Attributes
    ) -> "_Recorded":
        """Begin the work on a message; see `tracing.consuming`."""
        carried = parse_traceparent(headers.get(TRACEPARENT))
        return self.begin(
            f"process {queue}",
            "consumer",
            {
                **_RABBITMQ,
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": queue,
                "messaging.message.id": message_id or "",
                **attributes,
            },
            identity=None if carried else message_id or None,
            context=_following(carried) if carried else Context(),
        )

    def begin_publishing(self, routing_key: str, message_id: str, parent: Step | None) -> "_Recorded":
        """Begin the publishing of a message; see `tracing.publishing`."""
        above = parent or self.current()
        step = above.span if isinstance(above, _Recorded) else None
        return self.begin(
            f"publish {routing_key}",
            "producer",
            {
                **_RABBITMQ,
                "messaging.operation.name": "publish",
                "messaging.operation.type": "send",
                "messaging.rabbitmq.destination.routing_key": routing_key,
                "messaging.message.id": message_id,
            },
            identity=message_id if step is None else None,
            context=set_span_in_context(step) if step is not None else None,
        )

    @contextmanager
    def entered(self, span: "_Recorded") -> Iterator["_Recorded"]:
        """Make a step the current one of this thread until it ends."""
        with use_span(span.span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except BaseException as error:
                span.fail(error)
                raise

    def current(self) -> Step:
        """Return the step that this thread is at."""
        at_present = get_current_span()
        return NO_SPAN if at_present is INVALID_SPAN else _Recorded(at_present)

    def trace_id(self) -> str | None:
        """Return the id of the current trace, or None."""
        context = get_current_span().get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else None


def traces_url(endpoint: str) -> str:
    """Return where an endpoint takes traces: a collector's base URL gets OTLP's path."""
    return f"{endpoint.rstrip('/')}/v1/traces" if urlsplit(endpoint).path in {"", "/"} else endpoint


class _Recorded:
    """A step that is sent."""

    __slots__ = ("span",)

    def __init__(self, span: Span) -> None:
        self.span = span

    @property
    def recording(self) -> bool:
        return self.span.is_recording()

    @property
    def traceparent(self) -> str:
        context = self.span.get_span_context()
        return str(Traceparent(context.trace_id, context.span_id, context.trace_flags))

    def note(self, **attributes: Value) -> None:
        self.span.set_attributes(named(attributes))

    def event(self, name: str, **attributes: Value) -> None:
        self.span.add_event(name, named(attributes))

    def fail(self, error: BaseException) -> None:
        """The SDK's own way would add the traceback, and with it the whole message."""
        kind, message = type(error).__name__, redacted(error)
        self.span.add_event("exception", {"exception.type": kind, "exception.message": message})
        self.span.set_attribute("error.type", kind)
        self.span.set_status(Status(StatusCode.ERROR, f"{kind}: {message}"))

    def end(self) -> None:
        self.span.end()


class _Ids(RandomIdGenerator):
    """Gives a trace the id that its work stands for."""

    def __init__(self) -> None:
        self._wanted: ContextVar[int | None] = ContextVar("mailroom_trace_id", default=None)

    @contextmanager
    def of(self, identity: str | None) -> Iterator[None]:
        """Give a trace that begins now the id of `identity`."""
        token = self._wanted.set(trace_id_of(identity) if identity is not None else None)
        try:
            yield
        finally:
            self._wanted.reset(token)

    def generate_trace_id(self) -> int:
        return self._wanted.get() or super().generate_trace_id()


class _ShareOfTraces(TraceIdRatioBased):
    """Keeps a share of all traces, the same ones in every service.

    It goes by the 56 lowest bits, which are random in a UUID and by W3C Trace Context 2. The SDK's own goes
    by 64, of which the two highest are the same in every UUID: of a share below a half it would keep none.
    """

    TRACE_ID_LIMIT = (1 << 56) - 1


class _Watched(SpanExporter):
    """Tells once that a collector takes no traces, and once that it does again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        away = result is not SpanExportResult.SUCCESS
        if away and not self._away:
            _log.warning("the collector takes no traces; they are dropped", action="traces-dropped")
        elif self._away and not away:
            _log.info("the collector takes traces again", action="traces-taken")
        self._away = away
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _following(traceparent: Traceparent) -> Context:
    """The context of what follows from a step elsewhere."""
    context = SpanContext(
        traceparent.trace_id, traceparent.span_id, is_remote=True, trace_flags=TraceFlags(traceparent.flags)
    )
    return set_span_in_context(NonRecordingSpan(context), Context())
