"""The sample through the whole house, and every mail of it read as its receivers would."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import cast

import pytest
from flufl.bounce import scan_message

from demo.arrivals import arrivals, expected, leftovers, missing
from demo.catcher import CaughtMail
from demo.servers.rabbitmq import Broker
from services.console.sample_data.load import load_sample
from tests.acceptance.house import House, house

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


@pytest.fixture
def sample_house(database_url: str, broker: Broker) -> Iterator[House]:
    with house(database_url, broker) as home:
        load_sample(home.connection, seed=2026, scale=1, now=datetime.now(UTC))
        home.schedule_reports_now()
        yield home


def test_the_sample_leads_to_every_report_and_one_correct_ndr_per_message(sample_house: House) -> None:
    home = sample_house
    wanted = expected(home.connection)
    failed = failed_recipients(home)
    for name in ("scheduler", "report_worker", "ndr_worker", "mail_relay"):
        home.fleet.start(name)
    total = wanted.ndrs + wanted.reports.total()
    mails = home.catcher.wait_for(lambda mails: len(mails) >= total, 90)
    assert missing(wanted, arrivals(mails)) == []
    assert leftovers(home.connection, wanted) == []
    ndrs = [mail for mail in mails if b"multipart/report" in mail.content[:2000]]
    assert len(ndrs) == wanted.ndrs > 0
    for mail in ndrs:
        assert_correct(mail, failed)


def failed_recipients(home: House) -> dict[int, set[str]]:
    """The bounced recipients of each queued message, as read from the queue before any service ran."""
    failed: dict[int, set[str]] = {}
    for message_id, recipient in home.rows(
        "SELECT message_id, recipient FROM mailroom.queue_entry WHERE status = 'bounced'"
    ):
        failed.setdefault(message_id, set()).add(recipient)
    return failed


def assert_correct(mail: CaughtMail, failed: dict[int, set[str]]) -> None:
    """The checks that the demo's NDRs must pass, each against the mail as it arrived at the sink."""
    assert mail.mail_from == "", "the reverse-path is null"
    assert len(mail.rcpt_tos) == 1
    message = message_from_bytes(mail.content, policy=default)
    assert isinstance(message, EmailMessage)
    parts = list(message.iter_parts())
    assert 2 <= len(parts) <= 3
    assert parts[0].get_content_maintype() == "text"
    assert parts[1].get_content_type() == "message/delivery-status"
    assert all(part.get_content_type() in {"message/rfc822", "text/rfc822-headers"} for part in parts[2:])
    boundary = message.get_boundary()
    assert mail.content.rstrip().endswith(f"--{boundary}--".encode())
    # what the sender wrote is returned as it was: its own defects are not the notification's
    assert message.defects == []
    assert [defect for part in parts for defect in part.defects] == []
    queue_id = int(cast("EmailMessage", parts[1].get_payload(0))["X-Mailroom-Queue-ID"], 16)
    found = {address.decode() for address in scan_message(message_from_bytes(mail.content))}
    assert found == {address.lower() for address in failed[queue_id]} or found == failed[queue_id]
