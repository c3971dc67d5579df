"""Mails too large for the broker: a row of `mail_body` and a reference to it."""

import hashlib

import pytest

from demo.catcher import Catcher
from shared.wire import MessageRef
from shared.worker import Poison, Retry
from tests.integration.mail_relay.conftest import MakeRelay, Rows
from tests.integration.mail_relay.scripted_server import ScriptedServer
from tests.unit.mail_relay.mails import MESSAGE, mail

pytestmark = pytest.mark.integration


def store_body(rows: Rows, message: bytes) -> None:
    rows(
        "INSERT INTO mailroom.mail_body (mail_id, content, size, sha256) VALUES ('mail-1', %s, %s, %s)",
        message,
        len(message),
        hashlib.sha256(message).hexdigest(),
    )


def test_a_stored_message_is_verified_sent_and_deleted(make_relay: MakeRelay, rows: Rows) -> None:
    message = MESSAGE + b"x" * 76 + b"\r\n"
    store_body(rows, message)
    reference = MessageRef("mail-1", len(message), hashlib.sha256(message).hexdigest())
    with Catcher() as catcher:
        relay = make_relay(catcher.smtp_url)
        relay.deliver(mail(message=reference))
        (caught,) = catcher.messages
        assert caught.content == message
        assert rows("SELECT mail_id FROM mailroom.mail_body") == []
        # a producer that repeats itself stores it again
        store_body(rows, message)
        relay.deliver(mail(message=reference))
        relay.close()
        assert len(catcher.messages) == 1
    assert rows("SELECT mail_id FROM mailroom.mail_body") == []


def test_a_stored_message_stays_while_a_recipient_is_deferred(make_relay: MakeRelay, rows: Rows) -> None:
    store_body(rows, MESSAGE)
    reference = MessageRef("mail-1", len(MESSAGE), hashlib.sha256(MESSAGE).hexdigest())
    with Catcher(answer=lambda _, rcpt: "451 busy" if rcpt.startswith("bob") else None) as catcher:
        relay = make_relay(catcher.smtp_url)
        with pytest.raises(Retry):
            relay.deliver(mail(message=reference, rcpt_to=("ann@example.org", "bob@example.org")))
        relay.close()
    assert len(rows("SELECT mail_id FROM mailroom.mail_body")) == 1


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (MESSAGE[:-2] + b"!\n", "is not the message that was stored"),
        (MESSAGE[:-2], "is not the message that was stored"),
        (None, "has no row 'mail-1'"),
    ],
)
def test_a_stored_message_that_is_not_what_it_was_is_poison(
    make_relay: MakeRelay, rows: Rows, stored: bytes | None, reason: str
) -> None:
    if stored is not None:
        store_body(rows, stored)
    reference = MessageRef("mail-1", len(MESSAGE), hashlib.sha256(MESSAGE).hexdigest())
    with ScriptedServer() as server, pytest.raises(Poison, match=reason):
        make_relay(server.url).deliver(mail(message=reference))
    assert server.connections == 0
    (row,) = rows("SELECT * FROM mailroom.mail_delivery")
    assert (row["state"], row["leased_until"]) == ("deferred", None), "a replay must find it free"
