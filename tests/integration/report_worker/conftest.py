"""A report worker on a real database, with a publisher that records."""

import csv
import email
import email.policy
import io
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from demo.roles import acting_as
from services.report_worker.catalogue import Catalogue
from services.report_worker.settings import ReportSettings
from services.report_worker.worker import ReportWorker
from shared.broker import Outcome, Outgoing, Topology
from shared.database.statements import load_statements
from shared.wire import Mail, ReportRun

NOMINAL_AT = datetime(2026, 11, 20, 23, 45, tzinfo=UTC)
STATEMENTS = load_statements("tests.integration.report_worker", "ledger.sql")


@dataclass
class RecordingPublisher:
    """Takes everything, or answers with the outcome it is told."""

    outcome: Outcome = Outcome.CONFIRMED
    published: list[Outgoing] = field(default_factory=list)

    def publish(self, messages: list[Outgoing]) -> list[Outcome]:
        self.published.extend(messages)
        return [self.outcome for _ in messages]

    @property
    def mails(self) -> list[Mail]:
        return [Mail.decode(sent.type, sent.body) for sent in self.published if sent.type == Mail.TYPE]

    @property
    def commands(self) -> list[ReportRun]:
        return [
            ReportRun.decode(sent.type, sent.body) for sent in self.published if sent.type == ReportRun.TYPE
        ]


@dataclass
class House:
    """What a test acts on."""

    connection: psycopg.Connection[dict[str, Any]]
    publisher: RecordingPublisher
    make_worker: Callable[..., ReportWorker]
    pool: ConnectionPool
    reports_pool: ConnectionPool
    nominal_at: datetime

    def do(self, statement: str, **parameters: object) -> list[dict[str, Any]]:
        cursor = self.connection.execute(STATEMENTS[statement], parameters)
        return cursor.fetchall() if cursor.description else []

    def add_event(self, bot: str, at: datetime, **given: object) -> str:
        event = {
            "uuid": uuid.uuid4(),
            "bot": bot,
            "at": at,
            "status": "PASS",
            "type": "send",
            "expired": False,
            "identifier": str(uuid.uuid4()),
            "sent_from": "from@example.com",
            **given,
        }
        self.do("add_event", **event)
        self.do("add_message", **event)
        return str(event["identifier"])

    def run(
        self,
        report: str,
        scope: Mapping[str, str] | None = None,
        args: dict[str, Any] | None = None,
        **worker: Any,
    ) -> ReportRun:
        run = ReportRun(str(uuid.uuid4()), report, self.nominal_at, scope, args=args or {})
        self.make_worker(**worker).handle(run)
        return run

    def ledger(self, run: ReportRun) -> dict[str, Any]:
        (row,) = (row for row in self.do("runs") if row["run_id"] == run.run_id)
        return row

    def message(self) -> EmailMessage:
        """The one mail that was published."""
        (mail,) = self.publisher.mails
        assert isinstance(mail.message, bytes)
        return read_mail(mail.message)

    def rows(self) -> list[list[str]]:
        """The rows of the one mail's attachment, without its header line."""
        return attached_table(self.message())[1:]

    def text(self) -> str:
        """The one mail's text with its lines joined."""
        return read_text(self.message())


def attached_table(message: EmailMessage) -> list[list[str]]:
    """The attached CSV with its header line; nothing when none is attached."""
    for attachment in message.iter_attachments():
        content = attachment.get_payload(decode=True)
        assert isinstance(content, bytes)
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return []


def read_text(message: EmailMessage) -> str:
    text = message.get_body(("plain",))
    assert text is not None
    return " ".join(text.get_content().split())


def read_mail(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert not message.defects
    return message


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    with open_house(database_url) as house:
        yield house


@contextmanager
def open_house(database_url: str, nominal_at: datetime = NOMINAL_AT) -> Iterator[House]:
    """A report worker on a migrated database, at one nominal time."""
    publisher = RecordingPublisher()
    settings = ReportSettings("mailroom.example.com", ZoneInfo("America/Vancouver"))
    with (
        psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection,
        ConnectionPool(acting_as(database_url, "worker"), min_size=1, max_size=2, open=True) as pool,
        ConnectionPool(acting_as(database_url, "reports"), min_size=1, max_size=2, open=True) as reports_pool,
    ):

        def make_worker(
            catalogue: Catalogue | None = None, replica: ConnectionPool | None = None, **changes: Any
        ) -> ReportWorker:
            return ReportWorker(
                pool=pool,
                reports_pool=replica or reports_pool,
                publisher=publisher,
                topology=Topology(),
                catalogue=catalogue or Catalogue.load(),
                settings=replace(settings, **changes),
                clock=lambda: nominal_at + timedelta(minutes=1),
            )

        yield House(connection, publisher, make_worker, pool, reports_pool, nominal_at)
