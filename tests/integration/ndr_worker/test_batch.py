"""A batch of bounces against a real bounce queue: who is claimed by whom, what is published, what is left."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from demo.roles import acting_as
from services.console.sample_data.load import load_backlog
from services.ndr_worker.queue import bounce_queue
from shared.broker import Outgoing
from shared.wire import Mail
from tests.doubles.publisher import RecordingPublisher
from tests.integration.ndr_worker.harness import Handler, Queue, batons, mails, run

pytestmark = pytest.mark.integration


def test_7_one_message_gets_one_ndr_that_names_all_its_bounced_recipients(
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


def test_1_a_null_sender_is_discarded_audited_and_never_answered(queue: Queue, make_handler: Handler) -> None:
    queue.add("b@example.net", sender="")
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher), publisher)
    assert mails(publisher) == []
    assert queue.audit() == [("b@example.net", "discarded-null-sender")]
    assert queue.messages() == 0


def test_73_s2_a_null_sender_between_two_messages_leaks_into_neither_ndr(
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


def test_13_a_sender_that_is_no_address_costs_its_own_entry_a_quarantine_row_and_nothing_else(
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


def test_s5_a_mail_that_is_not_confirmed_keeps_its_entries_and_comes_again_with_the_same_id(
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


def test_a_message_that_does_not_fit_behind_entries_taken_over_waits_for_the_next_batch_whole(
    queue: Queue, pool: ConnectionPool
) -> None:
    queue.add("left@example.net")
    with pool.connection() as connection:
        connection.autocommit = True
        (left,) = _claim(connection, limit=2).notifications
        queue.let_leases_end()
        queue.add("b@example.net", "c@example.net")
        taken_over = _claim(connection, limit=2)
        assert [each.ndr_id for each in taken_over.notifications] == [left.ndr_id]
        assert taken_over.full, "or the chain would end with a message waiting"
        (whole,) = _claim(connection, limit=2).notifications
        assert len(whole.recipients) == 2


def _claim(connection: psycopg.Connection[Any], limit: int = 100) -> bounce_queue.Claim:
    minute = timedelta(minutes=1)
    terms = bounce_queue.ClaimTerms(limit=limit, prefix=4096, lease=minute, chain_lease=minute)
    return bounce_queue.claim(connection, str(uuid4()), terms)


def test_finishing_twice_audits_once(queue: Queue, pool: ConnectionPool) -> None:
    queue.add("b@example.net")
    with pool.connection() as connection:
        connection.autocommit = True
        (notification,) = _claim(connection).notifications
        (entry,) = notification.recipients
        done = [bounce_queue.Finished(notification.message, entry, notification.ndr_id, "reported")]
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
            connection.execute("UPDATE mailroom.bounce_audit SET sender = ''")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM mailroom.schedule")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE mailroom.queue_entry")
    with psycopg.connect(acting_as(database_url, "reports"), autocommit=True) as connection:
        connection.execute("SELECT count(*) FROM mailroom.bot_event")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT count(*) FROM mailroom.spooled_message")


def test_s8_a_later_shorter_diagnostic_leaves_nothing_of_an_earlier_longer_one(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("b@example.net")
    for diagnostic in ("550 5.7.1 Greylisting in action, see our page for what that means", "550 No"):
        queue.connection.execute("UPDATE mailroom.queue_entry SET diagnostic = %s", (diagnostic,))
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher), publisher)
    (mail,) = mails(publisher)
    assert isinstance(mail.message, bytes)
    assert b"Diagnostic-Code: smtp; 550 No\r\n" in mail.message
    assert b"Greylisting" not in mail.message
