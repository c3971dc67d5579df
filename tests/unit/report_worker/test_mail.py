import email
import email.policy
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.report_worker.attachment import Attachment
from services.report_worker.mail import Body, compose_mail
from services.report_worker.phrases import one_line
from services.report_worker.recipients import Mailbox, parse_recipients

RUN_ID = "e3a5d472-0614-5663-8d6c-849c1c96557a"
OPS = Mailbox("ops@example.com")
CSV = "\N{BYTE ORDER MARK}Name\r\n'=1+1\r\n".encode()


def compose(
    subject: str = "INFO Servers",
    to: tuple[Mailbox, ...] = (OPS,),
    text: str = "Hé.\n",
    html: str = "<p>Hé.</p>",
    name: str | None = "x.csv",
) -> bytes:
    return compose_mail(
        mail_id=f"report.{RUN_ID}",
        run_id=RUN_ID,
        report="no-send-servers",
        host="mailroom.example.com",
        date=datetime(2026, 11, 20, 23, 46, tzinfo=UTC),
        from_=Mailbox("mailroom@example.com", "Mailroom"),
        to=to,
        subject=subject,
        body=Body(text, html),
        attachment=Attachment(name, "text", "csv", CSV) if name else None,
    )


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert [part.defects for part in message.walk() if part.defects] == []
    return message


def test_a_mail_has_text_html_and_the_file() -> None:
    message = read(compose())
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/csv",
    ]
    (attachment,) = message.iter_attachments()
    assert attachment.get_payload(decode=True) == CSV
    assert attachment.get_filename() == "x.csv"
    assert attachment.get_content_charset() == "utf-8"
    text = message.get_body(("plain",))
    assert text is not None
    assert text.get_content() == "Hé.\r\n"


def test_headers_say_what_filters_and_threads_need() -> None:
    message = read(compose())
    assert message["Message-ID"] == f"<report.{RUN_ID}@mailroom.example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Mailroom-Run-ID"] == RUN_ID
    assert message["X-Mailroom-Report"] == "no-send-servers"
    assert message["Date"].datetime == datetime(2026, 11, 20, 23, 46, tzinfo=UTC)
    assert message["From"] == "Mailroom <mailroom@example.com>"


def test_a_run_done_twice_gives_the_same_bytes() -> None:
    assert compose() == compose()


def test_without_rows_there_is_no_file() -> None:
    assert read(compose(name=None)).get_content_type() == "multipart/alternative"


@pytest.mark.parametrize("name", ["events_Bella-Bella.csv", "events_Squamish-é_2026-11-20T23-45Z.csv"])
def test_a_file_name_arrives_as_it_was(name: str) -> None:
    raw = compose(name=name)
    assert raw.isascii()
    (attachment,) = read(raw).iter_attachments()
    assert attachment.get_filename() == name


def test_a_file_name_beyond_ascii_has_a_fallback() -> None:
    (attachment,) = read(compose(name="events_Squamish-é.csv")).iter_attachments()
    assert attachment.get_param("name") == "events_Squamish-e.csv"
    (attachment,) = read(compose()).iter_attachments()
    assert attachment.get_param("name") is None


@given(st.text(max_size=400), st.text(), st.text())
def test_whatever_a_mail_says_its_lines_are_short_and_7_bit_and_come_back(
    subject: str, text: str, html: str
) -> None:
    raw = compose(subject=one_line(subject), text=text, html=html)
    assert raw.isascii()
    assert b"\0" not in raw
    lines = raw.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines)) <= 998
    assert read(raw)["Subject"] == one_line(subject)


@pytest.mark.parametrize("length", [70, 78, 79, 80, 200])
def test_a_folded_subject_unfolds_to_itself(length: int) -> None:
    subject = "ERROR Exchange failed send receive events for site " + "LGH " * 50
    subject = subject[:length].strip()
    assert read(compose(subject=subject))["Subject"] == subject


def test_display_names_survive_whatever_they_hold() -> None:
    names = ["Ops, night", 'say "hi"', "back\\slash", "Jörg Müller", "x" * 200]
    mailboxes = tuple(Mailbox(f"a{number}@example.com", name) for number, name in enumerate(names))
    addresses = read(compose(to=mailboxes))["To"].addresses
    assert [(address.addr_spec, address.display_name) for address in addresses] == [
        (mailbox.address, mailbox.name) for mailbox in mailboxes
    ]


def test_a_long_display_name_is_several_encoded_words_that_read_as_one() -> None:
    name = "Jörg Müller" * 10
    raw = compose(to=(Mailbox("a@example.com", name),))
    to = email.message_from_bytes(raw)["To"]  # the modern policies put blanks between encoded words
    assert str(make_header(decode_header(to))) == f"{name} <a@example.com>"
    assert max(len(word) for word in to.split()) <= 75


@given(st.text())
def test_no_typed_recipient_list_breaks_the_headers(emails_list: str) -> None:
    mailboxes = (*parse_recipients(emails_list).mailboxes, Mailbox("ops@example.com"))
    raw = compose(to=mailboxes)
    assert raw.isascii()
    assert set(read(raw).keys()) == set(read(compose()).keys())
