"""What a batch does when mail-out is full, and what it tells others."""

import pytest

from services.ndr_worker.high_water import HighWaterMark
from shared.wire import Event
from tests.doubles.publisher import RecordingPublisher
from tests.integration.ndr_worker.harness import Handler, Queue, batons, mails, run

pytestmark = pytest.mark.integration
CHAIN = "SELECT outcome, extract(epoch FROM next_due_at - now())::float FROM mailroom.bounce_poll"


def test_while_mail_out_is_above_its_mark_nothing_is_claimed_and_the_next_look_is_soon(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("b@example.net")
    publisher = RecordingPublisher()
    depths = [11, 10]
    handler = make_handler(publisher, HighWaterMark(lambda: depths.pop(0), 10))
    run(queue, handler, publisher)
    assert queue.waiting() == 1
    assert queue.rows("SELECT count(*) FROM mailroom.queue_entry WHERE leased_until IS NOT NULL") == [(0,)]
    assert publisher.published == []
    ((outcome, pause),) = queue.rows(CHAIN)
    assert outcome == "paused"
    assert 0 < pause <= 5
    run(queue, handler, publisher)
    assert len(mails(publisher)) == 1
    assert queue.waiting() == 0


def test_a_chain_looks_again_at_every_baton(queue: Queue, make_handler: Handler) -> None:
    for number in range(25):
        queue.add(f"r{number}@example.net")
    publisher = RecordingPublisher()
    depths = [0, 5, 11]
    handler = make_handler(publisher, HighWaterMark(lambda: depths.pop(0), 10), MAILROOM_NDR__QUEUECACHE="10")
    run(queue, handler, publisher)
    assert [baton.hop for baton in batons(publisher)] == [1, 2]
    assert len(mails(publisher)) == 20
    assert queue.waiting() == 5


def test_others_are_told_of_each_ndr_and_of_what_policy_discarded(
    queue: Queue, make_handler: Handler
) -> None:
    message_id = queue.add("a@example.net", "b@example.net", "declined@example.net", sender="s@example.com")
    queue.connection.execute(
        "UPDATE mailroom.queue_entry SET notify = 'NEVER' WHERE recipient = 'declined@example.net'"
    )
    queue.add("c@example.net", sender="")
    queue.add("quarantined@example.net", sender="no address")
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher, MAILROOM_EVENTS__PUBLISH="Y"), publisher)
    events = [Event.decode(posted.type, posted.body) for posted in publisher.posted]
    told = {(event.event, event.details["action"], event.details["recipients"]) for event in events}
    assert told == {
        ("ndr.issued", "reported", 2),
        ("ndr.discarded", "discarded-notify", 1),
        ("ndr.discarded", "discarded-null-sender", 1),
    }
    (issued,) = (event for event in events if event.event == "ndr.issued")
    (mail,) = mails(publisher)
    assert mail.mail_id == f"ndr.{issued.subject_id}"
    assert issued.details["queue_id"] == f"{message_id:08X}"
    assert isinstance(mail.message, bytes)
    assert f"X-Mailroom-Queue-ID: {message_id:08X}\r\n".encode() in mail.message
