"""The clock went back: what the database says is yet to come keeps nothing waiting."""

import pytest

from shared.wire import Mail
from tests.doubles.publisher import RecordingPublisher
from tests.integration.ndr_worker.harness import Handler, Queue, mails, run

pytestmark = pytest.mark.integration


def process(queue: Queue, make_handler: Handler, **variables: str) -> list[Mail]:
    publisher = RecordingPublisher()
    run(queue, make_handler(publisher, **variables), publisher)
    return mails(publisher)


def leave_claimed(queue: Queue, make_handler: Handler) -> object:
    """Let a worker claim the queue and die; give the id it gave."""
    dying = RecordingPublisher(lambda message: message.type == Mail.TYPE)
    run(queue, make_handler(dying), dying)
    ((ndr_id,),) = queue.rows("SELECT ndr_id FROM mailroom.queue_entry")
    return ndr_id


def set_lease_left(queue: Queue, left: str) -> None:
    queue.connection.execute("UPDATE mailroom.queue_entry SET leased_until = now() + %s::interval", (left,))


def test_entries_leased_before_it_went_back_are_taken_over_with_their_id(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("b@example.net")
    ndr_id = leave_claimed(queue, make_handler)
    set_lease_left(queue, "1 day")
    (mail,) = process(queue, make_handler)
    assert mail.mail_id == f"ndr.{ndr_id}"
    assert queue.waiting() == 0


def test_a_lease_given_by_a_worker_whose_transaction_began_later_stands(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("b@example.net")
    leave_claimed(queue, make_handler)
    set_lease_left(queue, "2 minutes 1 second")
    assert process(queue, make_handler) == []


def test_an_entry_that_bounced_before_it_went_back_does_not_settle_until_it_has_caught_up(
    queue: Queue, make_handler: Handler
) -> None:
    queue.add("b@example.net")
    queue.age("-1 day")
    assert len(process(queue, make_handler, MAILROOM_NDR__SETTLE="30s")) == 1


def test_a_digest_held_before_it_went_back_is_sent(queue: Queue, make_handler: Handler) -> None:
    settings = {"MAILROOM_NDR__SENDER_BUDGET": "1", "MAILROOM_NDR__SENDER_BUDGET_PERIOD": "1h"}
    queue.add("a@example.net")
    queue.add("b@example.net")
    assert len(process(queue, make_handler, **settings)) == 1
    queue.connection.execute("UPDATE mailroom.ndr_held SET held_at = now() + interval '1 day'")
    (digest,) = process(queue, make_handler, **settings)
    assert digest.mail_from == ""
    queue.connection.execute(
        "UPDATE mailroom.ndr_held SET digested_at = NULL, leased_until = now() + interval '1 day'"
    )
    (again,) = process(queue, make_handler, **settings)
    assert again.mail_id == digest.mail_id, "its worker's lease counts as over"


def test_a_delay_notice_leased_before_it_went_back_is_sent(queue: Queue, make_handler: Handler) -> None:
    queue.add("slow@example.net", status="deferred")
    queue.connection.execute(
        "UPDATE mailroom.spooled_message SET received_at = received_at - interval '5 hours'"
    )
    (notice,) = process(queue, make_handler, MAILROOM_NDR__DELAY_NOTICES="4h")
    queue.connection.execute(
        "UPDATE mailroom.delay_notice SET noticed_at = NULL, leased_until = now() + interval '1 day'"
    )
    (again,) = process(queue, make_handler, MAILROOM_NDR__DELAY_NOTICES="4h")
    assert again.mail_id == notice.mail_id


def test_housekeeping_goes_on(queue: Queue, make_handler: Handler) -> None:
    queue.connection.execute("UPDATE mailroom.bounce_poll SET housekept_at = now() + interval '10 days'")
    process(queue, make_handler)
    assert queue.rows("SELECT housekept_at <= now() FROM mailroom.bounce_poll") == [(True,)]
