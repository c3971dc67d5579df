"""One trace shows the way of a report from schedule to mail server, another that of a bounce to its NDR."""

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from email import message_from_bytes
from uuid import UUID

import pytest

from demo.catcher import CaughtMail
from demo.servers.rabbitmq import Broker
from tests.acceptance.collector import CollectedSpan, Collector
from tests.acceptance.house import IMPATIENT, House, house, message_id
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
SERVICES = ("scheduler", "report_worker", "ndr_worker", "mail_relay")
#: Always mailed, also without rows: one mail, and one for each site.
PLAIN, BY_SITE = "all-domain-pairs", "events-by-site"
ORIGINAL = b"From: joe.bloggs@example.com\r\nSubject: top secret\r\n\r\nbody\r\n"
REFUSED, BUSY = "nobody.here@example.net", "ann@example.com"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def home(database_url: str, broker: Broker) -> Iterator[House]:
    """A house with two reports due, a bounced message, and services that are not started yet."""
    variables = {**IMPATIENT, "MAILROOM_NDR__QUEUECACHE": "2", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    with house(database_url, broker, variables, answer=refusing()) as home:
        home.connection.execute(
            "DELETE FROM mailroom.schedule WHERE NOT args -> 'reports' ?| %s", ([PLAIN, BY_SITE],)
        )
        home.connection.execute("INSERT INTO mailroom.site (name) VALUES ('Lyon'), ('Oslo')")
        for sender in ("joe.bloggs@example.com", BUSY, REFUSED):
            home.connection.execute(
                "WITH message AS ("
                " INSERT INTO mailroom.spooled_message (sender, received_at, content)"
                " VALUES (%s, now(), %s) RETURNING message_id)"
                " INSERT INTO mailroom.queue_entry (message_id, recipient, status, smtp_status, bounced_at)"
                " SELECT message_id, 'gone@example.org', 'bounced', 550, now() FROM message",
                (sender, ORIGINAL),
            )
        home.schedule_reports_now()
        yield home


def refusing() -> Callable[[str, str], str | None]:
    """A mail server that refuses one recipient, and takes mail for another at the second attempt."""
    busy = {BUSY}

    def answer(_: str, recipient: str) -> str | None:
        if recipient in busy:
            busy.remove(recipient)
            return "450 4.2.0 ann is busy"
        return "550 5.1.1 there is no nobody.here" if recipient == REFUSED else None

    return answer


def start_all(home: House, endpoint: str) -> None:
    for name in SERVICES:
        home.fleet.start(name, MAILROOM_TRACING__ENDPOINT=endpoint)


def stop_all(home: House, timeout: float) -> list[int]:
    for service in home.fleet.processes:
        service.process.terminate()
    return [service.process.wait(timeout) for service in home.fleet.processes]


def kind(mail: CaughtMail) -> str:
    """The report that a mail is of, or the recipient of an NDR."""
    headers = message_from_bytes(mail.content)
    return str(headers["X-Mailroom-Report"] or headers["To"])


def all_wanted(mails: Sequence[CaughtMail]) -> bool:
    return {PLAIN, BY_SITE, "joe.bloggs@example.com", BUSY} <= set(map(kind, mails))


def caught(home: House, wanted: str) -> str:
    """The mail id of a mail at the sink."""
    return next(message_id(mail.content) for mail in home.catcher.messages if kind(mail) == wanted)


def test_traces_lead_from_schedules_and_polls_to_the_mail_server(home: House, collector: Collector) -> None:
    start_all(home, collector.url)
    home.catcher.wait_for(all_wanted, 40)
    wait_until(lambda: home.count("bounce_audit") >= 3, 10)
    logs = [service.log for service in home.fleet.processes]
    assert stop_all(home, 20) == [0] * len(SERVICES), "what was collected last is sent before they end"

    report = submission(collector, caught(home, PLAIN))
    assert collector.ancestry(report) == [
        *("fire schedule", "publish report.run", "process report-commands"),
        *("publish mail", "process mail-out", "submit mail"),
    ]
    assert caught(home, PLAIN) == f"report.{dashed(report.trace)}", "the trace is found by the run's id"
    steps = {span.name: span for span in collector.spans if span.trace == report.trace}
    assert {"query report", "compose report"} <= set(steps)
    assert collector.ancestry(steps["compose report"])[-2] == "process report-commands"
    assert {span.name: span.service for span in steps.values()} | {
        "fire schedule": "scheduler",
        "query report": "report_worker",
        "submit mail": "mail_relay",
    } == {span.name: span.service for span in steps.values()}
    stages = [(name, values.get("mailroom.reply_code")) for name, values in report.events]
    assert [stage for stage in stages if stage[0] != "smtp.connected"] == [
        *(("smtp.mail", 250), ("smtp.rcpt", 250), ("smtp.data", 354), ("smtp.final", 250)),
    ]

    assert collector.ancestry(submission(collector, caught(home, BY_SITE))) == [
        *("fire schedule", "publish report.run", "process report-commands", "publish report.run"),
        *("process report-commands", "publish mail", "process mail-out", "submit mail"),
    ]

    ndr = submission(collector, caught(home, "joe.bloggs@example.com"))
    assert collector.ancestry(ndr) in (
        ["start poll", "publish bounces.poll", *THROUGH_A_BATCH],
        ["pass baton", "publish bounces.poll", *THROUGH_A_BATCH],
    )
    assert {"claim bounces", "compose NDRs", "finish bounces"} <= names(collector, ndr.trace)
    batons = [span for span in collector.spans if span.name == "pass baton"]
    assert batons, "two entries are a full batch"
    assert all(baton.links and baton.trace not in baton.links for baton in batons)

    refused = collector.wait_for("submit mail", 0, failed=1)
    assert ("smtp.rcpt", {"mailroom.reply_code": 550, "mailroom.recipients": 1}) in refused.events

    deferred, delivered = consumptions(collector, caught(home, BUSY))
    assert (deferred.attributes["mailroom.outcome"], delivered.attributes["mailroom.outcome"]) == (
        *("retried", "done"),
    )
    assert (deferred.trace, deferred.parent) == (delivered.trace, delivered.parent)
    assert deferred.failed

    told = repr(collector.spans)
    assert not any(secret in told for secret in ("@", "joe.bloggs", "nobody.here", "ann is", "top secret"))
    lines = [json.loads(line) for log in logs for line in log.read_text("utf-8").splitlines()]
    closed = [line for line in lines if line.get("run_id") == dashed(report.trace)]
    assert {line["trace_id"] for line in closed} == {report.trace}


THROUGH_A_BATCH = (
    "process bounce-commands",
    "publish NDRs",
    "publish mail",
    "process mail-out",
    "submit mail",
)


def submission(collector: Collector, mail_id: str) -> CollectedSpan:
    """The submission of a mail that was taken at the first attempt."""
    (consumed,) = consumptions(collector, mail_id)
    (submitted,) = [span for span in collector.spans if span.parent == consumed.id]
    return submitted


def consumptions(collector: Collector, mail_id: str) -> list[CollectedSpan]:
    """The relay's work on a mail, by attempts."""
    return sorted(
        (
            span
            for span in collector.spans
            if span.name == "process mail-out" and span.attributes["messaging.message.id"] == mail_id
        ),
        key=lambda span: int(span.attributes["mailroom.attempts"]),
    )


def names(collector: Collector, trace: str) -> set[str]:
    return {span.name for span in collector.spans if span.trace == trace}


def dashed(trace: str) -> str:
    return str(UUID(trace))


def test_a_collector_that_is_away_or_never_answers_changes_nothing(home: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never answers
        start_all(home, f"http://127.0.0.1:{silent.getsockname()[1]}")
        home.fleet.start("report_worker", MAILROOM_TRACING__ENDPOINT="http://127.0.0.1:1")
        home.fleet.wait_ready()
        home.catcher.wait_for(all_wanted, 40)
        wait_until(lambda: home.rows("SELECT 1 FROM mailroom.queue_entry WHERE status = 'bounced'") == [], 20)
        assert stop_all(home, 10) == [0] * len(home.fleet.processes)
        assert all(count == 1 for count in home.caught_ids().values())
