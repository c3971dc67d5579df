"""Mails taken apart for the preview."""

import base64
from email.message import EmailMessage
from email.policy import SMTP

from hypothesis import given
from hypothesis import strategies as st

from services.console.web.previews.mail import read_header, split_parts, take_apart

STATUS = (
    b"Reporting-MTA: dns; mx1.example.com\r\n\r\nFinal-Recipient: rfc822; b@example.net\r\nAction: failed\r\n"
)
RETURNED = b"Subject: =?x-unknown?q?hostile?=\r\nFrom: \xff\xfe <script>\r\n\r\nbody\r\n"


def report_mail() -> bytes:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = "Grüße von Servern"
    message.set_content("Zwölf Zeilen\n", cte="quoted-printable")
    message.add_alternative('<p>zwölf</p><img src="cid:chart@mailroom">', subtype="html")
    html = message.get_body(("html",))
    assert isinstance(html, EmailMessage)
    html.add_related(b"\x89PNG", "image", "png", cid="<chart@mailroom>", disposition="inline")
    message.add_attachment(b"a,b\r\n1,2\r\n", maintype="text", subtype="csv", filename="rows.csv")
    return message.as_bytes()


def status_mail(
    words: bytes = b"Content-Type: text/plain; charset=us-ascii\r\n\r\nIt was not delivered.\r\n",
) -> bytes:
    parts = (
        words,
        b"Content-Type: message/delivery-status\r\n\r\n" + STATUS,
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + RETURNED,
    )
    start = (
        b"From: mailer@example.com\r\nSubject: Undelivered\r\n"
        b'Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="=_b"\r\n'
    )
    return b"\r\n--=_b\r\n".join((start, *parts)) + b"\r\n--=_b--\r\n"


def test_a_report_has_text_html_with_its_pictures_and_files() -> None:
    mail = take_apart(report_mail())

    assert mail.text == "Zwölf Zeilen\n"
    picture = base64.b64encode(b"\x89PNG").decode()
    assert mail.html is not None
    assert f'<img src="data:image/png;base64,{picture}">' in mail.html
    assert [(file.name, file.content_type, file.content) for file in mail.files] == [
        ("rows.csv", "text/csv", b"a,b\r\n1,2\r\n")
    ]
    assert (mail.status, mail.returned, mail.size) == (None, None, len(report_mail()))


def test_a_field_is_shown_as_sent_and_as_it_reads() -> None:
    folded, plain = read_header(
        b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?_von_Servern?=\r\nTo: a@example.com"
    )

    assert folded.read == "Grüße von Servern"
    assert folded.sent == "=?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?q?_von_Servern?="
    assert plain.reads_as_sent
    assert (plain.name, plain.read) == ("To", "a@example.com")


def test_encoded_words_that_are_none_read_as_they_are() -> None:
    (field,) = read_header(b"Subject: =?x-unknown?b?!!?= hello")

    assert field.read == "=?x-unknown?b?!!?= hello"


def test_a_status_notification_is_shown_octet_by_octet() -> None:
    mail = take_apart(status_mail())

    assert mail.text == "It was not delivered.\n"
    assert mail.status == STATUS.decode().replace("\r\n", "\n").rstrip("\n") + "\n"
    assert mail.returned is not None
    assert "From: \\xff\\xfe <script>\n" in mail.returned
    assert [file.content for file in mail.files] == [STATUS, RETURNED]


def test_a_status_notification_may_have_html_for_people_too() -> None:
    words = (
        b'Content-Type: multipart/alternative; boundary="=_a"\r\n\r\n'
        b"--=_a\r\nContent-Type: text/plain\r\n\r\nplain\r\n"
        b"--=_a\r\nContent-Type: text/html\r\n\r\n<p>page</p>\r\n--=_a--\r\n"
    )
    mail = take_apart(status_mail(words))

    assert (mail.text, mail.html) == ("plain", "<p>page</p>")


@given(st.lists(st.binary().filter(lambda part: b"--=_b" not in part), min_size=1))
def test_parts_come_back_as_they_were_put_in(parts: list[bytes]) -> None:
    body = b"".join(b"--=_b\r\n" + part + b"\r\n" for part in parts) + b"--=_b--\r\n"

    assert split_parts(body, "=_b") == parts


@given(st.binary())
def test_any_header_is_read(head: bytes) -> None:
    for field in read_header(head):
        assert field.name
