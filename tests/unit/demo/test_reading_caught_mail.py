"""What the catcher's page shows of a mail, whatever its bytes."""

from hypothesis import given
from hypothesis import strategies as st

from demo.catcher.mailbox import Mailbox
from demo.catcher.reading import header, read, read_headers, size
from demo.catcher.web import PAGE_SIZE, Pages

NDR = b"""From: Mail Delivery System <postmaster@mx.example>
To: <alice@example.org>
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

Not delivered to <b\xc3\xb6b@example.com>
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; bob@example.com
Action: failed
Diagnostic-Code: smtp; 550 <script>alert(1)</script>

--b
Content-Type: message/rfc822

Subject: Returned

body
--b--
""".replace(b"\n", b"\r\n")

REPORT = b"""Subject: =?utf-8?q?Z=C3=BCrich?= servers
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/html; charset=utf-8

<h1>"Report"</h1>
--b
Content-Type: text/csv
Content-Disposition: attachment; filename*=utf-8''r%22%C3%BC.csv
Content-Transfer-Encoding: base64

YSxiDQo=
--b--
""".replace(b"\n", b"\r\n")


def test_an_ndr_shows_its_text_its_field_groups_and_the_returned_message() -> None:
    ndr = read(NDR)
    assert ndr.kind == "NDR"
    assert ndr.texts == ("Not delivered to <böb@example.com>",)
    assert [group[0] for group in ndr.delivery_status] == [
        ("Reporting-MTA", "dns; mx.example"),
        ("Final-Recipient", "rfc822; bob@example.com"),
    ]
    assert "Subject: Returned" in ndr.returned[0]
    assert ndr.attachments == ()


def test_a_report_shows_its_html_and_offers_its_attachment_decoded() -> None:
    report = read(REPORT)
    assert report.kind == "report"
    assert header(report.headers, "subject") == "Zürich servers"
    assert report.htmls == ('<h1>"Report"</h1>',)
    assert [(each.name, each.media_type, each.content) for each in report.attachments] == [
        ('r"ü.csv', "text/csv", b"a,b\r\n")
    ]


def test_headers_in_raw_utf_8_are_read_as_such() -> None:
    assert header(read_headers("Subject: Grüße\r\n\r\n".encode()), "Subject") == "Grüße"


def test_a_broken_encoded_word_is_shown_as_it_is() -> None:
    subject = "=?utf-8?b?YWJjZ?= =?nonsense?q?x?="
    assert header(read_headers(f"Subject: {subject}\r\n\r\n".encode()), "Subject")


@given(st.binary(), st.sampled_from([b"", NDR, REPORT]), st.integers(0, 700))
def test_no_bytes_break_the_page(junk: bytes, around: bytes, position: int) -> None:
    mailbox = Mailbox()
    mailbox.add("a@example.org", ["b@example.org"], around[:position] + junk + around[position:])
    pages = Pages(mailbox)
    for target in ("/", "/messages/1", "/messages/1/raw", "/messages/1/attachments/1", "/messages.json"):
        assert pages.respond(target).status in {200, 404}


def test_what_comes_from_a_mail_is_escaped() -> None:
    mailbox = Mailbox()
    mailbox.add('"<i>"@example.org', ["<u>@example.org"], NDR.replace(b"Undelivered", b"<b>bold</b>"))
    pages = Pages(mailbox)
    for target in ("/", "/messages/1"):
        page = pages.respond(target).content.decode()
        assert not any(tag in page for tag in ("<script", "<b>bold", "<i>", "<u>"))
        assert "&lt;b&gt;bold" in page


def test_html_is_shown_in_a_frame_that_may_do_nothing() -> None:
    mailbox = Mailbox()
    mailbox.add("a@example.org", ["b@example.org"], REPORT)
    page = Pages(mailbox).respond("/messages/1").content.decode()
    assert '<iframe sandbox title="HTML part" srcdoc="&lt;meta ' in page
    assert "&lt;h1&gt;&#34;Report&#34;&lt;/h1&gt;" in page


def test_an_attachment_is_only_ever_downloaded_and_its_name_cannot_break_out_of_the_header() -> None:
    mailbox = Mailbox()
    mailbox.add("a@example.org", ["b@example.org"], REPORT)
    response = Pages(mailbox).respond("/messages/1/attachments/1")
    assert response.content == b"a,b\r\n"
    assert response.media_type == "application/octet-stream"
    assert response.headers == {"Content-Disposition": "attachment; filename*=UTF-8''r%22%C3%BC.csv"}


def test_the_list_is_newest_first_in_pages() -> None:
    mailbox = Mailbox()
    for number in range(1, PAGE_SIZE + 2):
        mailbox.add("a@example.org", ["b@example.org"], f"Subject: number {number}\r\n\r\n".encode())
    pages = Pages(mailbox)
    first, second = pages.respond("/").content.decode(), pages.respond("/?page=2").content.decode()
    assert first.index(f"number {PAGE_SIZE + 1}<") < first.index("number 2<")
    assert "number 1<" not in first
    assert "number 1<" in second
    assert pages.respond("/?page=99").content.decode() == second


def test_what_is_not_there_is_not_found() -> None:
    pages = Pages(Mailbox())
    for target in (
        "/messages/1",
        "/messages/0",
        "/messages/1/raw",
        "/messages/1/attachments/1",
        "/nowhere",
        "",
    ):
        assert pages.respond(target).status == 404


def test_sizes_are_told_in_words() -> None:
    assert [size(count) for count in (812, 6 * 1024, 1_258_291)] == ["812 B", "6.0 KiB", "1.2 MiB"]
