"""What nobody can process ends where an operator finds it, with its reason; the rest goes on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgpack
import pika
import pytest

from demo.servers.rabbitmq import Broker
from shared.wire import BouncesPoll, Mail, ReportRun
from tests.acceptance.house import House, house
from tests.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
NOW = datetime.now(UTC)
ORIGINAL = b"From: a@example.com\r\nSubject: hello\r\n\r\nbody\r\n"


@pytest.fixture
def running_house(database_url: str, broker: Broker) -> Iterator[House]:
    with house(database_url, broker) as home:
        home.connection.execute("UPDATE mailroom.schedule SET enabled = false")
        for name in ("scheduler", "report_worker", "ndr_worker", "mail_relay"):
            home.fleet.start(name)
        home.fleet.wait_ready()
        yield home


def publish(home: House, exchange: str, routing_key: str, message_type: str, body: bytes) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(home.broker.amqp_url))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish(
        f"{home.broker.prefix}.{exchange}",
        routing_key,
        body,
        pika.BasicProperties(type=message_type, content_type="application/msgpack", delivery_mode=2),
        mandatory=True,
    )
    connection.close()


def parked(home: House, count: int) -> list[str]:
    """Wait for so many parked messages and return their reasons."""
    connection = pika.BlockingConnection(pika.URLParameters(home.broker.amqp_url))
    channel = connection.channel()
    reasons: list[str] = []
    for method, properties, _ in channel.consume(f"{home.broker.prefix}.parked", inactivity_timeout=20):
        assert method is not None, f"only {len(reasons)} parked: {reasons}"
        channel.basic_ack(method.delivery_tag)
        reasons.append(properties.headers["x-mailroom-reason"])
        if len(reasons) == count:
            break
    connection.close()
    return reasons


def body(message: ReportRun | BouncesPoll | Mail, **changes: Any) -> bytes:
    fields: dict[str, Any] = msgpack.unpackb(message.encode()) | changes
    return bytes(msgpack.packb({key: value for key, value in fields.items() if value is not ...}))


QUEUES: dict[str, tuple[str, str, ReportRun | BouncesPoll | Mail]] = {
    "report-commands": ("commands", "report.run", ReportRun(str(uuid4()), "no-send-servers", NOW)),
    "bounce-commands": ("commands", "bounces.poll", BouncesPoll(str(uuid4()), NOW)),
    "mail-out": ("mail-out", "mail", Mail("m1", "notice", "", ("a@example.com",), ORIGINAL, NOW, NOW)),
}


@pytest.mark.parametrize("queue", QUEUES)
def test_messages_that_cannot_be_read_are_parked_with_what_is_wrong(running_house: House, queue: str) -> None:
    exchange, key, message = QUEUES[queue]
    first_key = next(iter(msgpack.unpackb(message.encode())))
    publish(running_house, exchange, key, message.TYPE, b"\xc1 not msgpack")
    publish(running_house, exchange, key, message.TYPE.replace("/1", "/7"), message.encode())
    publish(running_house, exchange, key, message.TYPE, body(message, **{first_key: ...}))
    reasons = parked(running_house, 3)
    assert any("not msgpack" in reason for reason in reasons)
    assert any("/7" in reason for reason in reasons)
    assert any(f"'{first_key}' is missing" in reason for reason in reasons)
    assert all(service.ready() for service in running_house.fleet.processes)


def test_an_unknown_report_is_recorded_by_name_and_the_next_report_is_mailed(running_house: House) -> None:
    home = running_house
    run_id = str(uuid4())
    publish(home, "commands", "report.run", ReportRun.TYPE, ReportRun(run_id, "no-such-report", NOW).encode())
    good = ReportRun(str(uuid4()), "all-domain-pairs", NOW)
    publish(home, "commands", "report.run", ReportRun.TYPE, good.encode())
    (reason,) = parked(home, 1)
    assert "no-such-report" in reason
    home.catcher.wait_for(lambda mails: len(mails) == 1, 20)
    ((state, error),) = home.rows(f"SELECT state, error FROM mailroom.report_run WHERE run_id = '{run_id}'")
    assert state == "failed"
    assert "no-such-report" in error


def test_a_subscription_without_recipients_skips_its_run_with_the_reason(running_house: House) -> None:
    home = running_house
    home.connection.execute("UPDATE mailroom.subscription SET emails_list = ' , '")
    run = ReportRun(str(uuid4()), "all-domain-pairs", NOW)
    publish(home, "commands", "report.run", ReportRun.TYPE, run.encode())
    state = f"SELECT state, reason FROM mailroom.report_run WHERE run_id = '{run.run_id}'"
    wait_until(lambda: [row[0] for row in home.rows(state)] == ["skipped"], 20, lambda: str(home.rows(state)))
    assert "Mail Verification Report" in home.rows(state)[0][1]
    assert "recipient" in home.rows(state)[0][1]


def test_one_bad_entry_among_a_thousand_costs_one_quarantine_row_and_nothing_else(
    running_house: House,
) -> None:
    home = running_house
    with home.connection.transaction():
        for number in range(1000):
            sender = "not an address" if number == 500 else f"sender{number}@example.com"
            content = b"" if number == 600 else ORIGINAL
            home.connection.execute(
                "WITH m AS (INSERT INTO mailroom.spooled_message (sender, content) VALUES (%s, %s)"
                " RETURNING message_id)"
                " INSERT INTO mailroom.queue_entry (message_id, recipient, status, bounced_at)"
                " SELECT message_id, %s, 'bounced', now() FROM m",
                (sender, content, f"r{number}@example.net"),
            )
    home.catcher.wait_for(lambda mails: len(mails) >= 999, 60)
    wait_until(lambda: home.count("queue_entry") == 0, 20)
    ((recipient, reason),) = home.rows("SELECT recipient, reason FROM mailroom.bounce_quarantine")
    assert recipient == "r500@example.net"
    assert "sender" in reason
    assert len(home.catcher.messages) == len(home.caught_ids()) == 999


def test_a_report_to_a_dead_address_comes_back_to_its_sender_as_an_ndr(
    database_url: str, broker: Broker
) -> None:
    def answer(_: str, recipient: str) -> str | None:
        return "550 5.1.1 no such user" if recipient == "gone@example.net" else None

    with house(database_url, broker, answer=answer) as home:
        home.connection.execute("UPDATE mailroom.schedule SET enabled = false")
        home.connection.execute(
            "UPDATE mailroom.subscription"
            " SET emails_list = 'gone@example.net', from_email = 'owner@example.com'"
        )
        for name in ("scheduler", "report_worker", "ndr_worker", "mail_relay"):
            home.fleet.start(name)
        home.fleet.wait_ready()
        run = ReportRun(str(uuid4()), "all-domain-pairs", NOW)
        publish(home, "commands", "report.run", ReportRun.TYPE, run.encode())
        (ndr,) = home.catcher.wait_for(lambda mails: len(mails) == 1, 30)
        assert (ndr.mail_from, ndr.rcpt_tos) == ("", ("owner@example.com",))
        assert b"Final-Recipient: rfc822; gone@example.net" in ndr.content
        assert b"Status: 5.1.1" in ndr.content
