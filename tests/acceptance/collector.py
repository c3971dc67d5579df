"""An OpenTelemetry collector for tests: takes traces by OTLP over HTTP, and keeps what they say."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True, slots=True)
class CollectedSpan:
    """One step of a trace; ids in hexadecimal, `parent` empty of a first step."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    attributes: Mapping[str, Any]
    events: tuple[tuple[str, Mapping[str, Any]], ...]
    failed: bool


class Collector:
    """Listens on a port of this machine while it is entered as a context."""

    def __init__(self) -> None:
        self._spans: list[CollectedSpan] = []
        self._arrived = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector._take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Exports are not worth a line each."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def spans(self) -> Sequence[CollectedSpan]:
        return tuple(self._spans)

    def wait_for(self, name: str, timeout: float, **attributes: object) -> CollectedSpan:
        """Wait for a step with these of Mailroom's attributes."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: any(self._find(name, attributes)), timeout), (
                f"no {name} with {attributes} among {sorted({span.name for span in self._spans})}"
            )
            return next(self._find(name, attributes))

    def ancestry(self, span: CollectedSpan) -> list[str]:
        """The names of a step and of all that it followed from, the first of the trace first."""
        by_id = {each.id: each for each in self.spans}
        names = [span.name]
        while span.parent:
            above = by_id[span.parent]
            assert above.trace == span.trace
            names.append(above.name)
            span = above
        return names[::-1]

    def _find(self, name: str, attributes: Mapping[str, object]) -> Iterator[CollectedSpan]:
        for span in self._spans:
            noted = {key: span.attributes.get(f"mailroom.{key}") for key in attributes}
            if span.name == name and noted == attributes:
                yield span

    def _take(self, request: ExportTraceServiceRequest) -> None:
        with self._arrived:
            for group in request.resource_spans:
                service = _values(group.resource.attributes)["service.name"]
                for scope in group.scope_spans:
                    self._spans += [
                        CollectedSpan(
                            service,
                            span.name,
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            tuple(link.trace_id.hex() for link in span.links),
                            _values(span.attributes),
                            tuple((event.name, _values(event.attributes)) for event in span.events),
                            span.status.code == span.status.STATUS_CODE_ERROR,
                        )
                        for span in scope.spans
                    ]
            self._arrived.notify_all()


def _values(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}
