"""The catcher takes mail as a real SMTP server does, and shows it."""

import json
import smtplib
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.catcher import Catcher, MailNotCaught

pytestmark = pytest.mark.integration

MESSAGE = (
    b"Subject: first\r\nMessage-ID: <1@example.org>\r\n\r\n.dot\r\n8-bit \xff\r\n" + b"x" * 5000 + b"\r\n"
)


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    with Catcher() as catcher:
        yield catcher


def client(catcher: Catcher) -> smtplib.SMTP:
    return smtplib.SMTP(catcher.host, catcher.smtp_port, local_hostname="client.example", timeout=10)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  # our own page
        content: bytes = response.read()
    return content


def test_a_mail_is_kept_byte_for_byte_with_its_envelope(catcher: Catcher) -> None:
    with client(catcher) as smtp:
        smtp.sendmail("a@example.org", ["b@example.org", "c@example.org"], MESSAGE, ["BODY=8BITMIME"])
    (mail,) = catcher.messages
    assert (mail.number, mail.mail_from, mail.rcpt_tos) == (
        1,
        "a@example.org",
        ("b@example.org", "c@example.org"),
    )
    assert mail.content == MESSAGE


@pytest.mark.parametrize(
    "reverse_path",
    ["", "prvs=123=a@example.org", "SRS0=h=t=d=u@example.org", '"a > b"@example.org', "100%x@example.org"],
)
def test_reverse_paths_are_kept_as_they_are(catcher: Catcher, reverse_path: str) -> None:
    with client(catcher) as smtp:
        smtp.ehlo()
        assert smtp.docmd(f"MAIL FROM:<{reverse_path}>")[0] == 250
        assert smtp.docmd("RCPT TO:<b@example.org>")[0] == 250
        assert smtp.data(MESSAGE)[0] == 250
    assert catcher.messages[0].mail_from == reverse_path


def test_addresses_and_headers_may_be_utf_8(catcher: Catcher) -> None:
    with client(catcher) as smtp:
        smtp.ehlo()
        assert {"8bitmime", "smtputf8", "pipelining", "size"} <= smtp.esmtp_features.keys()
        smtp.command_encoding = "utf-8"
        smtp.sendmail("jürgen@example.org", ["böb@example.org"], MESSAGE, ["SMTPUTF8", "BODY=8BITMIME"])
    assert catcher.messages[0].mail_from == "jürgen@example.org"
    assert catcher.messages[0].rcpt_tos == ("böb@example.org",)


def test_pipelined_commands_are_answered_in_order(catcher: Catcher) -> None:
    with client(catcher) as smtp:
        smtp.ehlo()
        smtp.send(b"MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
        assert [smtp.getreply()[0] for _ in range(3)] == [250, 250, 354]
        smtp.send(b"Subject: x\r\n\r\n.\r\nMAIL FROM:<>\r\n")
        assert [smtp.getreply()[0] for _ in range(2)] == [250, 250]


def test_chosen_recipients_are_refused() -> None:
    def answer(mail_from: str, rcpt: str) -> str | None:
        return "550 5.1.1 no such user" if (mail_from, rcpt) == ("", "nobody@example.org") else None

    with Catcher(answer=answer) as catcher, client(catcher) as smtp:
        refused = smtp.sendmail("", ["nobody@example.org", "b@example.org"], MESSAGE)
        assert refused == {"nobody@example.org": (550, b"5.1.1 no such user")}
        assert catcher.messages[0].rcpt_tos == ("b@example.org",)


def test_chosen_messages_are_refused_after_their_data() -> None:
    asked: list[tuple[str, tuple[str, ...], bytes]] = []

    def answer_data(mail_from: str, rcpt_tos: tuple[str, ...], content: bytes) -> str | None:
        asked.append((mail_from, rcpt_tos, content))
        return "451 4.3.0 later" if len(asked) == 1 else None

    with Catcher(answer_data=answer_data) as catcher, client(catcher) as smtp:
        with pytest.raises(smtplib.SMTPDataError, match="later"):
            smtp.sendmail("a@example.org", ["b@example.org"], MESSAGE)
        assert catcher.messages == ()
        smtp.sendmail("a@example.org", ["b@example.org"], MESSAGE)
        assert asked == [("a@example.org", ("b@example.org",), MESSAGE)] * 2
        assert len(catcher.messages) == 1


def test_waiting_ends_when_the_wanted_mail_arrives(catcher: Catcher) -> None:
    def send() -> None:
        with client(catcher) as smtp:
            for _ in range(3):
                smtp.sendmail("a@example.org", ["b@example.org"], MESSAGE)

    sender = threading.Thread(target=send)
    sender.start()
    mails = catcher.wait_for(lambda mails: len(mails) == 3, timeout=20)
    sender.join()
    assert [mail.number for mail in mails] == [1, 2, 3]


def test_waiting_in_vain_raises_and_says_how_many_came(catcher: Catcher) -> None:
    with pytest.raises(MailNotCaught, match="0 caught mails"):
        catcher.wait_for(lambda mails: len(mails) == 1, timeout=0.01)


def test_a_folder_gets_every_mail_too(tmp_path: Path) -> None:
    with Catcher(folder=tmp_path / "maildir") as catcher, client(catcher) as smtp:
        smtp.sendmail("a@example.org", ["b@example.org"], MESSAGE)
    (kept,) = (tmp_path / "maildir" / "new").iterdir()
    assert kept.read_bytes() == MESSAGE
    assert list((tmp_path / "maildir" / "tmp").iterdir()) == []


def test_the_web_page_lists_and_shows_it(catcher: Catcher) -> None:
    with client(catcher) as smtp:
        smtp.sendmail("a@example.org", ["b@example.org"], MESSAGE)
    (row,) = json.loads(fetch(catcher.http_url + "messages.json"))
    assert row == {
        "id": 1,
        "mail_from": "a@example.org",
        "rcpt_tos": ["b@example.org"],
        "subject": "first",
        "message_id": "<1@example.org>",
        "received_at": catcher.messages[0].received_at.isoformat(),
        "size": len(MESSAGE),
    }
    assert b">first</a>" in fetch(catcher.http_url)
    assert b"<h1>first</h1>" in fetch(catcher.http_url + "messages/1")
    assert fetch(catcher.http_url + "messages/1/raw") == MESSAGE


def test_no_page_may_run_a_script(catcher: Catcher) -> None:
    with urllib.request.urlopen(catcher.http_url, timeout=10) as response:  # noqa: S310  # our own page
        policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "script" not in policy


def test_stopping_ends_open_connections_and_keeps_what_was_caught() -> None:
    catcher = Catcher()
    catcher.start()
    smtp = client(catcher)
    smtp.sendmail("a@example.org", ["b@example.org"], MESSAGE)
    catcher.stop()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        smtp.noop()
    with pytest.raises(ConnectionRefusedError):
        client(catcher)
    assert len(catcher.messages) == 1


def test_stopping_ends_even_where_an_interruption_has_left_the_mailbox_locked() -> None:
    catcher = Catcher()
    catcher.start()
    with client(catcher) as smtp, catcher._mailbox._arrival:
        smtp.ehlo()
        smtp.mail("a@example.org")
        smtp.rcpt("b@example.org")
        smtp.putcmd("data")
        smtp.getreply()
        smtp.send(b"Subject: at the door\r\n\r\n.\r\n")
        catcher.stop()
    catcher._smtp_server._thread.join(10)
    assert not catcher._smtp_server._thread.is_alive()


def test_a_taken_port_is_an_error_at_the_start(catcher: Catcher) -> None:
    with pytest.raises(OSError, match="in use"):
        Catcher(smtp_port=catcher.smtp_port).start()
    with pytest.raises(OSError, match="in use"):
        Catcher(http_port=catcher.http_port).start()
