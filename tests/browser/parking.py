"""A mail that the relay has to park: its message is stored in the database, but is not there."""

import hashlib
from datetime import UTC, datetime, timedelta

import pika

from shared.wire import Mail, MessageRef
from tests.acceptance.house import House

CONTENT = b"From: a@example.com\r\nMessage-ID: <%s@example.com>\r\nSubject: large\r\n\r\nbody\r\n"


def send_without_its_stored_message(home: House, mail_id: str) -> bytes:
    """Give it to the relay; returns the message."""
    now, content = datetime.now(UTC), CONTENT % mail_id.encode()
    stored = MessageRef(mail_id, len(content), hashlib.sha256(content).hexdigest())
    expires_at = now + timedelta(hours=1)
    mail = Mail(mail_id, "report", "a@example.com", ("reader@example.com",), stored, now, expires_at)
    properties = pika.BasicProperties(
        message_id=mail.message_id, type=mail.TYPE, content_type="application/msgpack", delivery_mode=2
    )
    connection = pika.BlockingConnection(pika.URLParameters(home.broker.amqp_url))
    connection.channel().basic_publish(f"{home.broker.prefix}.mail-out", "mail", mail.encode(), properties)
    connection.close()
    return content


def store(home: House, mail_id: str, content: bytes) -> None:
    """Put its message where it belongs."""
    home.connection.execute(
        "INSERT INTO mailroom.mail_body (mail_id, content, size, sha256) VALUES (%s, %s, %s, %s)",
        (mail_id, content, len(content), hashlib.sha256(content).hexdigest()),
    )


def parked_messages(home: House) -> int:
    """How many messages are parked."""
    connection = pika.BlockingConnection(pika.URLParameters(home.broker.amqp_url))
    declared = connection.channel().queue_declare(f"{home.broker.prefix}.parked", passive=True)
    connection.close()
    return int(declared.method.message_count)
