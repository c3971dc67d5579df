"""A batch of bounces against a real bounce queue: who is claimed by whom, what is published, what is left."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from demo.roles import acting_as
from services.console.sample_data.load import load_backlog
from services.ndr_worker import bounce_queue
from services.ndr_worker.batch import BatchHandler
from shared.broker import Outgoing, Topology
from shared.broker.consumer import Delivery
from shared.settings import Settings, load_settings
from shared.wire import BouncesPoll, Mail
from tests.doubles.publisher import RecordingPublisher

pytestmark = pytest.mark.integration
ORIGINAL = b"From: a@example.com\r\nSubject: hello\r\nMessage-ID: <1@example.com>\r\n\r\nbody\r\n"


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

    def let_leases_end(self) -> None:
        self.connection.execute(
            "UPDATE mailroom.queue_entry SET leased_until = now() - interval '1 s'"
            " WHERE leased_until IS NOT NULL"
        )


@pytest.fixture
def queue(database_url: str) -> Iterator[Queue]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield Queue(connection)


@pytest.fixture
def pool(database_url: str) -> Iterator[ConnectionPool]:
    with ConnectionPool(acting_as(database_url, "worker"), min_size=1, max_size=8, open=True) as pool:
        yield pool


Handler = Callable[..., BatchHandler]


@pytest.fixture
def make_handler(pool: ConnectionPool) -> Handler:
    def make(publisher: RecordingPublisher, **variables: str) -> BatchHandler:
        return BatchHandler(pool, publisher, Topology(), settings(**variables))

    return make


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


def test_one_message_gets_one_ndr_that_names_all_its_bounced_recipients(
    queue: Queue, make_handler: Handler
) -> None:
    message = queue.add("b@example.net", "c@example.net")
    queue.bounce(message, "d@example.net", status="deferred")
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher), publisher)
    (mail,) = mails(publisher)
    assert mail.mail_from == ""
    assert mail.rcpt_to == ("sender@example.com",)
    assert isinstance(mail.message, bytes)
    assert mail.message.count(b"Final-Recipient:") == 2
    assert b"d@example.net" not in mail.message
    assert queue.audit() == [("b@example.net", "reported"), ("c@example.net", "reported")]
    assert queue.rows("SELECT recipient, ndr_id FROM mailroom.queue_entry") == [("d@example.net", None)]
    assert queue.messages() == 1


def test_a_null_sender_is_discarded_audited_and_never_answered(queue: Queue, make_handler: Handler) -> None:
    queue.add("b@example.net", sender="")
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher), publisher)
    assert mails(publisher) == []
    assert queue.audit() == [("b@example.net", "discarded-null-sender")]
    assert queue.messages() == 0


def test_a_null_sender_between_two_messages_leaks_into_neither_ndr(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("first@example.net")
    queue.add("secret-victim@example.net", sender="")
    queue.add("last@example.net")
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher), publisher)
    assert len(mails(publisher)) == 2
    assert not any(
        b"secret-victim" in mail.message for mail in mails(publisher) if isinstance(mail.message, bytes)
    )


def test_a_sender_that_is_no_address_costs_its_own_entry_a_quarantine_row_and_nothing_else(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("one@example.net")
    queue.add("two@example.net", sender="not an address")
    queue.add("three@example.net")
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher), publisher)
    assert len(mails(publisher)) == 2
    ((recipient, reason),) = queue.rows("SELECT recipient, reason FROM mailroom.bounce_quarantine")
    assert recipient == "two@example.net"
    assert "@" in reason
    assert ("two@example.net", "quarantined") in queue.audit()
    assert queue.messages() == 1, "the quarantined entry keeps its message"


def test_an_empty_original_still_gets_its_ndr(queue: Queue, make_handler: Handler) -> None:
    queue.add("b@example.net", content=b"")
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher), publisher)
    (mail,) = mails(publisher)
    assert isinstance(mail.message, bytes)
    assert mail.message.rstrip().endswith(b"--")
    assert queue.waiting() == 0


def test_a_full_batch_passes_the_baton_and_the_chain_ends_at_the_first_that_is_not(
    queue: Queue, make_handler: Handler
) -> None:
    for number in range(25):
        queue.add(f"r{number}@example.net")
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher, MAILROOM_NDR__QUEUECACHE="10"), publisher)
    assert [baton.hop for baton in batons(publisher)] == [1, 2]
    assert len(mails(publisher)) == 25
    assert len({mail.mail_id for mail in mails(publisher)}) == 25
    ((outcome, pause),) = queue.rows(
        "SELECT outcome, extract(epoch FROM next_due_at - now())::float FROM mailroom.bounce_poll"
    )
    assert outcome == "found"
    assert 0 < pause <= 5


def test_an_empty_poll_is_followed_by_the_long_pause(queue: Queue, make_handler: Handler) -> None:
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher), publisher)
    ((outcome, pause),) = queue.rows(
        "SELECT outcome, extract(epoch FROM next_due_at - now())::float FROM mailroom.bounce_poll"
    )
    assert outcome == "empty"
    assert 50 < pause <= 60


def test_a_message_with_more_recipients_than_a_batch_gets_several_ndrs_and_nobody_is_left_out(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add(*(f"r{number}@example.net" for number in range(25)))
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher, MAILROOM_NDR__QUEUECACHE="10"), publisher)
    named = [
        mail.message.count(b"Final-Recipient:")
        for mail in mails(publisher)
        if isinstance(mail.message, bytes)
    ]
    assert sorted(named) == [5, 10, 10]
    assert len(queue.audit()) == 25


def test_a_message_that_does_not_fit_what_is_left_of_a_batch_waits_for_the_next_one_whole(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add(*(f"a{number}@example.net" for number in range(7)))
    queue.add(*(f"b{number}@example.net" for number in range(7)))
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher, MAILROOM_NDR__QUEUECACHE="10"), publisher)
    named = [
        mail.message.count(b"Final-Recipient:")
        for mail in mails(publisher)
        if isinstance(mail.message, bytes)
    ]
    assert named == [7, 7]


def test_a_mail_that_is_not_confirmed_keeps_its_entries_and_comes_again_with_the_same_id(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("b@example.net", "c@example.net")
    refused: list[Outgoing] = []

    def refuse_once(message: Outgoing) -> bool:
        if message.type == Mail.TYPE and not refused:
            refused.append(message)
            return True
        return False

    publisher = RecordingPublisher(refuse_once)
    handler = make_handler(publisher)
    run(queue, handler, publisher)
    assert queue.waiting() == 2
    assert queue.audit() == []
    run(queue, handler, publisher)
    assert mails(publisher) == [], "the lease still stands"
    queue.let_leases_end()
    run(queue, handler, publisher)
    (mail,) = mails(publisher)
    assert mail.mail_id == Mail.decode(refused[0].type, refused[0].body).mail_id
    assert queue.waiting() == 0


def test_a_worker_that_died_after_the_claim_is_followed_by_one_that_keeps_its_grouping(
    queue: Queue, make_handler: Handler, pool: ConnectionPool
) -> None:
    message = queue.add("b@example.net", "c@example.net")
    with pool.connection() as connection:
        connection.autocommit = True
        claim = _claim(connection)
    queue.bounce(message, "late@example.net")
    queue.let_leases_end()
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher), publisher)
    named = {mail.mail_id: mail.message.count(b"Final-Recipient:") for mail in mails(publisher)}  # type: ignore[union-attr]
    assert named[f"ndr.{claim.notifications[0].ndr_id}"] == 2
    assert sorted(named.values()) == [1, 2]


def _claim(connection: psycopg.Connection[Any], limit: int = 100) -> bounce_queue.Claim:
    minute = settings().ndr.chain_lease
    return bounce_queue.claim(
        connection, str(uuid4()), limit=limit, prefix=4096, lease=minute, chain_lease=minute
    )


def test_finishing_twice_audits_once(queue: Queue, pool: ConnectionPool) -> None:
    message = queue.add("b@example.net")
    with pool.connection() as connection:
        connection.autocommit = True
        (notification,) = _claim(connection).notifications
        done = [bounce_queue.Finished(notification.recipients[0].entry_id, message, "reported")]
        bounce_queue.finish(connection, done)
        bounce_queue.finish(connection, done)
    assert queue.audit() == [("b@example.net", "reported")]


def test_many_workers_claiming_at_once_never_share_a_message_and_leave_none(
    queue: Queue, pool: ConnectionPool
) -> None:
    load_backlog(queue.connection, 2000, seed=1, now=datetime.now(UTC), recipients_per_message=3)
    claims: list[bounce_queue.Claim] = []

    def work() -> None:
        with pool.connection() as connection:
            connection.autocommit = True
            while (claim := _claim(connection, limit=50)).notifications:
                claims.append(claim)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    entries = [
        recipient.entry_id
        for claim in claims
        for notification in claim.notifications
        for recipient in notification.recipients
    ]
    messages = [notification.message.message_id for claim in claims for notification in claim.notifications]
    assert len(entries) == len(set(entries)) == queue.waiting()
    assert len(messages) == len(set(messages))


def test_the_worker_role_can_do_its_work_and_no_more(database_url: str) -> None:
    with psycopg.connect(acting_as(database_url, "worker"), autocommit=True) as connection:
        connection.execute("SELECT count(*) FROM mailroom.queue_entry")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM mailroom.bounce_audit")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE mailroom.queue_entry")
    with psycopg.connect(acting_as(database_url, "reports"), autocommit=True) as connection:
        connection.execute("SELECT count(*) FROM mailroom.bot_event")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT count(*) FROM mailroom.spooled_message")
