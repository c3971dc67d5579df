"""Tracing as services use it: nothing when nobody wants it, and the same traces everywhere when they do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import StatusCode
from structlog.testing import capture_logs

from services.scheduler import firings
from shared.broker import Outcome, Outgoing, Topology
from shared.broker.consumer import Delivery
from shared.broker.publisher import Publisher
from shared.broker.sending import send
from shared.settings import Settings, SettingsInvalid, load_settings
from shared.telemetry import otlp, tracing
from shared.telemetry.logging import _add_trace_id
from shared.telemetry.traceparent import parse_traceparent, trace_id_of
from shared.wire import ReportRun
from shared.worker import Retry
from shared.worker.runtime import Worker
from tests.doubles.publisher import RecordingPublisher

SERVICES = ("scheduler", "report_worker", "ndr_worker", "mail_relay", "console")


class Collected:
    """The spans that a tracer has sent."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def spans(self) -> list[ReadableSpan]:
        assert tracing._tracer is not None
        tracing._tracer._provider.force_flush()
        return list(self._exporter.get_finished_spans())

    def one(self, name: str) -> ReadableSpan:
        (span,) = [span for span in self.spans() if span.name == name]
        return span


def settings(**variables: str) -> Settings:
    return load_settings(None, {f"MAILROOM_TRACING__{key}": value for key, value in variables.items()})


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collected]:
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(otlp, "OTLPSpanExporter", lambda **_: exporter)
    tracing.start("test", settings(ENDPOINT="http://collector:4318"))
    yield Collected(exporter)
    tracing.stop()


def mail(message_id: str = "ndr.1", **headers: object) -> Outgoing:
    return Outgoing("mailroom.mail-out", "mail", message_id, "mail/1", b"body", headers)


def trace_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.trace_id)


def is_child(child: ReadableSpan, parent: ReadableSpan) -> bool:
    return child.parent is not None and child.parent == parent.context


def noted(span: ReadableSpan, name: str) -> object:
    assert span.attributes is not None
    return span.attributes.get(f"mailroom.{name}")


def test_without_an_endpoint_no_service_imports_opentelemetry() -> None:
    modules = ", ".join(f"services.{service}.__main__" for service in SERVICES)
    program = (
        f"import sys, {modules}\n"
        "from shared.settings import load_settings\n"
        "from shared.telemetry import tracing\n"
        "tracing.start('test', load_settings(None, {}))\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stdout == "[]\n"


def test_without_an_endpoint_messages_leave_as_they_are() -> None:
    publisher = RecordingPublisher()
    with tracing.span("process", identity="x", rows=1) as span:
        span.note(more=1)
        tracing.note(more=1)
        tracing.event("happened")
        tracing.fail(ValueError("x"))
        assert send(publisher, [mail()]) == [Outcome.CONFIRMED]
    assert publisher.published == [mail()]
    assert (span.recording, span.traceparent, tracing.trace_id()) == (False, None, None)


def test_an_endpoint_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "shared.telemetry.otlp")
    with pytest.raises(tracing.TracingUnusable, match="install Mailroom with its extra `tracing`"):
        tracing.check(settings(ENDPOINT="http://collector:4318"))


def test_a_service_that_cannot_collect_what_it_should_does_not_start() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from services.scheduler.__main__ import SchedulerService, run_service\n"
        "sys.exit(run_service('scheduler', SchedulerService, []))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "MAILROOM_TRACING__ENDPOINT": "http://collector:4318"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 78
    assert "install Mailroom with its extra `tracing`" in answer.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [("ENDPOINT", "collector:4318"), ("SAMPLE_RATIO", "1.5"), ("SERVICE_NAMESPACE", "")],
)
def test_a_wrong_setting_is_refused(variable: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=rf"tracing\.{variable.lower()}"):
        settings(**{variable: value})


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://collector:4318", "http://collector:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://example.com/otlp/traces", "https://example.com/otlp/traces"),
    ],
)
def test_an_endpoint_without_a_path_gets_the_one_of_otlp(endpoint: str, url: str) -> None:
    assert otlp.traces_url(endpoint) == url


def test_the_id_of_the_work_is_the_id_of_its_trace(collected: Collected) -> None:
    run = str(uuid4())
    for _ in range(2):
        with tracing.span("fire schedule", identity=run):
            assert tracing.trace_id() == run.replace("-", "")
    first, again = collected.spans()
    assert trace_of(first) == trace_of(again)
    assert first.context != again.context


def test_what_is_published_follows_from_the_step_that_publishes_it(collected: Collected) -> None:
    publisher = RecordingPublisher()
    with tracing.span("compose report"):
        send(publisher, [mail("report.1"), mail("report.2")])
    parent = collected.one("compose report")
    steps = [span for span in collected.spans() if span.name == "publish mail"]
    assert all(is_child(step, parent) for step in steps)
    headers = [parse_traceparent(message.headers["traceparent"]) for message in publisher.published]
    assert {header.span_id for header in headers if header} == {
        span.context.span_id for span in steps if span.context
    }
    assert [noted(span, "outcome") for span in steps] == ["confirmed", "confirmed"]
    assert all(list(message.headers) == ["traceparent"] for message in publisher.published)


def test_a_large_publish_has_a_bounded_number_of_steps_and_loses_no_message(collected: Collected) -> None:
    publisher = RecordingPublisher()
    with tracing.span("publish NDRs"):
        send(publisher, [mail(f"ndr.{number}") for number in range(1000)])
    assert len(collected.spans()) < 200
    traces = {parse_traceparent(message.headers["traceparent"]) for message in publisher.published}
    assert {trace.trace_id for trace in traces if trace} == {trace_of(collected.one("publish NDRs"))}
    assert len(publisher.published) == 1000


def test_a_consumer_goes_on_with_the_trace_of_its_message(collected: Collected) -> None:
    publisher = RecordingPublisher()
    with tracing.span("fire schedule", identity=str(uuid4())):
        send(publisher, [mail()])
    with tracing.consuming("mail-out", "ndr.1", publisher.published[0].headers):
        pass
    assert is_remote_child(collected.one("process mail-out"), collected.one("publish mail"))


def is_remote_child(child: ReadableSpan, parent: ReadableSpan) -> bool:
    """Whether a span follows from one that another process may have made."""
    assert child.parent is not None
    assert parent.context is not None
    return (child.parent.trace_id, child.parent.span_id) == (
        parent.context.trace_id,
        parent.context.span_id,
    )


@given(
    header=st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.dictionaries(st.text(), st.text()))
)
def test_a_hostile_header_is_ignored_for_the_id_of_the_message(header: object) -> None:
    tracing.start("test", settings(ENDPOINT="http://127.0.0.1:1", SAMPLE_RATIO="0"))
    try:
        with tracing.consuming("mail-out", "ndr.1", {"traceparent": header}):
            assert tracing.trace_id() == f"{trace_id_of('ndr.1'):032x}"
    finally:
        tracing.stop()


@pytest.mark.parametrize("message_id", [None, ""])
def test_a_message_without_header_and_id_has_a_trace_of_its_own(
    collected: Collected, message_id: str | None
) -> None:
    for _ in range(2):
        with tracing.consuming("mail-out", message_id, {}):
            pass
    assert len({trace_of(span) for span in collected.spans()}) == 2


def test_a_first_step_is_linked_to_the_one_before_and_in_a_trace_of_its_own(collected: Collected) -> None:
    with tracing.span("process bounce-commands"), tracing.span("pass baton", identity="x.1"):
        pass
    batch, baton = collected.one("process bounce-commands"), collected.one("pass baton")
    assert baton.parent is None
    assert trace_of(baton) == trace_id_of("x.1") != trace_of(batch)
    assert [link.context for link in baton.links] == [batch.context]


def test_the_runs_of_a_firing_begin_traces_that_have_nothing_to_do_with_each_other(
    collected: Collected,
) -> None:
    publisher = RecordingPublisher()
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    runs = [ReportRun(str(uuid4()), "dead-servers", noon) for _ in range(3)]
    firings._publish_runs(publisher, Topology(), firings.Firing("noon", noon, runs))

    begun = {trace_of(span): span for span in collected.spans() if span.name == "fire schedule"}
    assert set(begun) == {UUID(run.run_id).int for run in runs}
    assert all(span.parent is None and not span.links for span in begun.values())
    for message in publisher.published:
        carried = parse_traceparent(message.headers["traceparent"])
        assert carried is not None
        assert carried.trace_id == UUID(message.message_id).int


def test_a_message_that_is_parked_tells_once_why(
    collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Delivery) -> None:
        raise Retry("not now")

    loaded = load_settings(None, {"MAILROOM_WORKER__MAX_ATTEMPTS": "1"})
    publisher = Publisher.of(loaded, "test")
    monkeypatch.setattr(publisher, "publish", lambda messages: [Outcome.CONFIRMED for _ in messages])
    worker = Worker(
        "mail-out", fail, settings=loaded, topology=Topology(), publisher=publisher, threads=0, prefetch=1
    )
    delivery = Delivery(1, 1, "mail/1", "ndr.1", "mail", b"")
    assert worker._process(delivery) == "parked"
    span = collected.one("process mail-out")
    assert [event.name for event in span.events] == ["exception"]
    assert noted(span, "outcome") == "parked"


def test_an_error_is_recorded_with_its_class_and_without_addresses(collected: Collected) -> None:
    with pytest.raises(ValueError, match="joe"), tracing.span("submit mail"):
        raise ValueError("joe@example.com is not there")
    span = collected.one("submit mail")
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "ValueError: … is not there"
    assert "joe" not in span.to_json()


def test_a_line_of_the_log_names_the_trace(collected: Collected) -> None:
    with tracing.span("fire schedule", identity="x"):
        assert _add_trace_id(None, "", {"event": "claimed"})["trace_id"] == f"{trace_id_of('x'):032x}"
    assert "trace_id" not in _add_trace_id(None, "", {"event": "claimed"})


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_share_of_traces_is_kept_though_they_are_named_by_uuids(share: float) -> None:
    sampler = otlp._ShareOfTraces(share)
    decisions = [sampler.should_sample(None, uuid4().int, "x").decision for _ in range(4000)]
    kept = [decision is Decision.RECORD_AND_SAMPLE for decision in decisions]
    assert sum(kept) / len(kept) == pytest.approx(share, abs=0.05)


def test_what_is_not_kept_stays_so_in_every_service(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(otlp, "OTLPSpanExporter", lambda **_: exporter)
    publisher = RecordingPublisher()
    tracing.start("scheduler", settings(ENDPOINT="http://collector:4318", SAMPLE_RATIO="0"))
    send(publisher, [mail()])
    tracing.stop()
    tracing.start("mail_relay", settings(ENDPOINT="http://collector:4318"))
    with tracing.consuming("mail-out", "ndr.1", publisher.published[0].headers) as span:
        assert not span.recording
    tracing.stop()
    assert exporter.get_finished_spans() == ()


def test_a_collector_that_is_away_is_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    answers = iter([SpanExportResult.FAILURE, SpanExportResult.FAILURE, SpanExportResult.SUCCESS])
    monkeypatch.setattr(exporter, "export", lambda _: next(answers))
    watched = otlp._Watched(exporter)
    with capture_logs() as lines:
        for _ in range(3):
            watched.export([])
    assert [line["action"] for line in lines] == ["traces-dropped", "traces-taken"]
