import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from services.mail_relay.attempt import RecipientResult
from services.mail_relay.reply import Verdict
from services.mail_relay.submission import Submission
from shared.worker import Retry
from tests.integration.mail_relay.conftest import MakeRelay, Rows
from tests.integration.mail_relay.postfix import (
    DEFERRED,
    MAILBOX,
    PASSWORD,
    SIZE_LIMIT,
    USER,
    NoPostfix,
    Postfix,
    private_postfix,
)
from tests.integration.mail_relay.submitting import submitting
from tests.unit.mail_relay.dkim_key import is_valid, make_key
from tests.unit.mail_relay.mails import MESSAGE, mail

pytestmark = pytest.mark.integration

UNKNOWN = "bob@example.org"
THREE = (MAILBOX, UNKNOWN, DEFERRED)


@pytest.fixture(scope="module")
def running() -> Iterator[Postfix]:
    try:
        with private_postfix() as postfix:
            yield postfix
    except NoPostfix as lacking:
        pytest.skip(str(lacking))


@pytest.fixture
def postfix(running: Postfix) -> Postfix:
    """The one that runs, with an empty mailbox and log."""
    running.forget()
    return running


def url(postfix: Postfix, scheme: str = "smtp+starttls", password: str = PASSWORD) -> str:
    port = postfix.submissions if scheme == "smtps" else postfix.submission
    return f"{scheme}://{USER}:{quote(password, safe='')}@localhost:{port}"


def submit(submission: Submission, *recipients: str, **changes: Any) -> dict[str, RecipientResult]:
    changed = mail(rcpt_to=recipients, **changes)
    assert isinstance(changed.message, bytes)
    results = submission.submit(changed, recipients, changed.message)
    return {result.recipient: result for result in results}


def text_of(delivered: bytes) -> bytes:
    """What stands below the lines that Postfix writes itself."""
    return re.sub(
        rb"\A(?:(?:Return-Path|X-Original-To|Delivered-To|Received): .*\n(?:\t.*\n)*)+", b"", delivered
    )


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
def test_accepted_rejected_and_deferred_recipients_of_one_transaction_are_told_apart(
    postfix: Postfix, scheme: str
) -> None:
    with submitting(url(postfix, scheme), ca_file=postfix.authority) as submission:
        results = submit(submission, *THREE)
    assert {name: (r.verdict, r.smtp_status, r.enhanced_status) for name, r in results.items()} == {
        MAILBOX: (Verdict.DELIVERED, 250, "2.0.0"),
        UNKNOWN: (Verdict.FAILED, 550, "5.1.1"),
        DEFERRED: (Verdict.DEFERRED, 450, "4.2.1"),
    }
    commands = postfix.commands()
    assert [command.split(" ")[0] for command in commands if not command.startswith(("EHLO", "AUTH"))] == [
        *(["STARTTLS"] if scheme == "smtp+starttls" else []),
        *("MAIL", "RCPT", "RCPT", "RCPT", "DATA", "QUIT"),
    ]
    assert len(postfix.delivered(1)) == 1


def test_the_relay_keeps_what_it_said_of_each_recipient(
    postfix: Postfix, make_relay: MakeRelay, rows: Rows
) -> None:
    relay = make_relay(url(postfix), ca_file=postfix.authority)
    with pytest.raises(Retry, match=rf"1 deferred; {DEFERRED}: 450 4\.2\.1 "):
        relay.deliver(mail(rcpt_to=THREE))
    relay.close()
    ledger = rows("SELECT * FROM mailroom.mail_delivery")
    assert {
        row["recipient"]: (row["state"], row["smtp_status"], row["enhanced_status"]) for row in ledger
    } == {
        MAILBOX: ("delivered", 250, "2.0.0"),
        UNKNOWN: ("failed", 550, "5.1.1"),
        DEFERRED: ("deferred", 450, "4.2.1"),
    }
    (entry,) = rows("SELECT * FROM mailroom.queue_entry")
    assert (entry["recipient"], entry["status"], entry["remote_mta"]) == (UNKNOWN, "bounced", "localhost")
    assert entry["diagnostic"].startswith(f"550 5.1.1 <{UNKNOWN}>: Recipient address rejected: User unknown")
    assert sum(command.startswith("MAIL") for command in postfix.commands()) == 1
    (delivered,) = postfix.delivered(1)
    assert text_of(delivered).startswith(MESSAGE.replace(b"\r\n", b"\n").split(b"\n\n")[0])


def test_a_signature_is_valid_where_it_arrives(postfix: Postfix, tmp_path: Path) -> None:
    dkim = make_key(tmp_path / "key.pem")
    with submitting(url(postfix), ca_file=postfix.authority, dkim=dkim) as submission:
        submit(submission, MAILBOX)
    (delivered,) = postfix.delivered(1)
    assert is_valid(text_of(delivered), dkim)


def test_a_message_arrives_byte_for_byte(postfix: Postfix) -> None:
    body = (
        b".\r\n..\r\n.dot\r\n\r\n.\r\n\r\nFrom here\r\n\xff\xfe\x80\r\n"
        + b"x" * 998
        + b"\r\n \r\nend\r\n.\r\n"
    )
    message = b"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n" + MESSAGE + body * 80
    with submitting(url(postfix), ca_file=postfix.authority) as submission:
        submit(submission, MAILBOX, message=message, body="8bitmime")
    (delivered,) = postfix.delivered(1)
    assert text_of(delivered) == message.replace(b"\r\n", b"\n")


def test_one_connection_serves_many_mails(postfix: Postfix) -> None:
    with submitting(url(postfix), ca_file=postfix.authority) as submission:
        for number in range(20):
            assert submit(submission, MAILBOX, mail_id=f"mail-{number}")[MAILBOX].verdict is Verdict.DELIVERED
    commands = postfix.commands()
    assert (commands.count("QUIT"), sum(command.startswith("AUTH") for command in commands)) == (1, 1)
    assert len(postfix.delivered(20)) == 20


def test_a_message_larger_than_it_takes_is_not_offered(postfix: Postfix) -> None:
    with submitting(url(postfix), ca_file=postfix.authority) as submission:
        results = submit(submission, MAILBOX, message=MESSAGE + b"x" * SIZE_LIMIT + b"\r\n")
    assert (results[MAILBOX].verdict, results[MAILBOX].enhanced_status) == (Verdict.FAILED, "5.3.4")
    assert f"localhost takes messages of {SIZE_LIMIT} octets" in results[MAILBOX].reply
    assert not any(command.startswith("MAIL") for command in postfix.commands())


def test_it_learns_whom_to_notify(postfix: Postfix) -> None:
    with submitting(url(postfix), ca_file=postfix.authority) as submission:
        submit(submission, MAILBOX, mail_id="report-1")
        submit(submission, MAILBOX, mail_id="ndr-1", kind="ndr", mail_from="")
    envelope = [command for command in postfix.commands() if command.startswith(("MAIL", "RCPT"))]
    assert envelope == [
        f"MAIL FROM:<reports@example.com> SIZE={len(MESSAGE)} RET=HDRS ENVID=report-1",
        f"RCPT TO:<{MAILBOX}>",
        f"MAIL FROM:<> SIZE={len(MESSAGE)}",
        f"RCPT TO:<{MAILBOX}> NOTIFY=NEVER",
    ]


@pytest.mark.parametrize("password", ["wrong", "s\N{LATIN SMALL LETTER E WITH ACUTE}:cret "])
def test_a_wrong_password_defers_the_mail_and_says_so(postfix: Postfix, password: str) -> None:
    with submitting(url(postfix, password=password), ca_file=postfix.authority) as submission:
        (result,) = submit(submission, MAILBOX).values()
    assert (result.verdict, result.in_doubt) == (Verdict.DEFERRED, False)
    assert f"AUTH as {USER} was refused: 535 5.7.8" in result.reply
    assert password.strip() not in result.reply
    assert not any(command.startswith("MAIL") for command in postfix.commands())


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
def test_without_its_authority_it_gets_neither_password_nor_mail(postfix: Postfix, scheme: str) -> None:
    with submitting(url(postfix, scheme)) as submission:
        (result,) = submit(submission, MAILBOX).values()
    assert result.verdict is Verdict.DEFERRED
    assert "CERTIFICATE_VERIFY_FAILED" in result.reply
    assert {command.split(" ")[0] for command in postfix.commands()} <= {"EHLO", "STARTTLS"}


def test_a_certificate_for_another_name_is_not_enough(postfix: Postfix) -> None:
    with submitting(url(postfix).replace("localhost", "127.0.0.1"), ca_file=postfix.authority) as submission:
        (result,) = submit(submission, MAILBOX).values()
    assert result.verdict is Verdict.DEFERRED
    assert "CERTIFICATE_VERIFY_FAILED" in result.reply
