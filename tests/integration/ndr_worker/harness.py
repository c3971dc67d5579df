"""The bounce queue as a test writes and reads it, and a worker without a broker."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg

from services.ndr_worker.batch import BatchHandler
from shared.broker.consumer import Delivery
from shared.settings import Settings, load_settings
from shared.wire import BouncesPoll, Mail
from tests.doubles.publisher import RecordingPublisher

ORIGINAL = b"From: a@example.com\r\nSubject: hello\r\nMessage-ID: <1@example.com>\r\n\r\nbody\r\n"
Handler = Callable[..., BatchHandler]


class Queue:
    """The bounce queue as a test writes and reads it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def add(
        self,
        *recipients: str,
        sender: str = "sender@example.com",
        status: str = "bounced",
        content: bytes = ORIGINAL,
        notify: str | None = None,
    ) -> int:
        row = self.connection.execute(
            "INSERT INTO mailroom.spooled_message (sender, content) VALUES (%s, %s) RETURNING message_id",
            (sender, content),
        ).fetchone()
        assert row is not None
        for recipient in recipients:
            self.bounce(row[0], recipient, status=status, notify=notify)
        return int(row[0])

    def bounce(
        self, message_id: int, recipient: str, *, status: str = "bounced", notify: str | None = None
    ) -> None:
        self.connection.execute(
            "INSERT INTO mailroom.queue_entry"
            " (message_id, recipient, status, notify, smtp_status, diagnostic, bounced_at)"
            " VALUES (%s, %s, %s, %s, 550, '550 5.1.1 no such user', now())",
            (message_id, recipient, status, notify),
        )

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement).fetchall()

    def audit(self) -> list[tuple[str, str]]:
        return self.rows("SELECT recipient, action FROM mailroom.bounce_audit ORDER BY recipient")

    def waiting(self) -> int:
        return int(self.rows("SELECT count(*) FROM mailroom.queue_entry WHERE status = 'bounced'")[0][0])

    def messages(self) -> int:
        return int(self.rows("SELECT count(*) FROM mailroom.spooled_message")[0][0])

    def age(self, by: str) -> None:
        """Let time pass for entries that have bounced so far, as long as nothing new bounces."""
        self.connection.execute(
            "UPDATE mailroom.queue_entry SET bounced_at = bounced_at - %s::interval", (by,)
        )

    def receive_earlier(self, by: timedelta) -> None:
        """Let time pass for the messages."""
        self.connection.execute("UPDATE mailroom.spooled_message SET received_at = received_at - %s", (by,))

    def let_leases_end(self) -> None:
        self.connection.execute(
            "UPDATE mailroom.queue_entry SET leased_until = now() - interval '1 s'"
            " WHERE leased_until IS NOT NULL"
        )


def settings(**variables: str) -> Settings:
    return load_settings(None, {"MAILROOM_HOST_NAME": "mx1.mailroom.example", **variables})


def poll(queue: Queue) -> Delivery:
    """Start a chain, as the scheduler does, and return its first command."""
    poll_id = uuid4()
    queue.connection.execute(
        "UPDATE mailroom.bounce_poll SET poll_id = %s, next_due_at = NULL, silent_after = now() + '1 min'",
        (poll_id,),
    )
    return delivery(BouncesPoll(str(poll_id), datetime.now(UTC)))


def delivery(command: BouncesPoll) -> Delivery:
    return Delivery(1, 1, command.TYPE, command.message_id, "bounces.poll", command.encode())


def mails(publisher: RecordingPublisher) -> list[Mail]:
    return [Mail.decode(item.type, item.body) for item in publisher.published if item.type == Mail.TYPE]


def batons(publisher: RecordingPublisher) -> list[BouncesPoll]:
    return [
        BouncesPoll.decode(item.type, item.body)
        for item in publisher.published
        if item.type == BouncesPoll.TYPE
    ]


def run(queue: Queue, handler: BatchHandler, publisher: RecordingPublisher) -> None:
    """Run a chain to its end on one worker."""
    command: Delivery | None = poll(queue)
    while command is not None:
        before = len(batons(publisher))
        handler.handle(command)
        passed = batons(publisher)[before:]
        command = delivery(passed[0]) if passed else None
