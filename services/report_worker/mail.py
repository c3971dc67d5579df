"""The mail as bytes (RFC 5322, RFC 2045): 7-bit throughout, CRLF lines."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, quote

from services.report_worker.attachment import Attachment
from services.report_worker.recipients import Mailbox

_FOLD = "\r\n "
_LONGEST_ENCODED_WORD = 75  # RFC 2047 2


#: Content-ID of the picture in the HTML, without brackets; `cid:` refers to it.
PICTURE_ID = "chart@mailroom"


@dataclass(frozen=True, slots=True)
class Body:
    """The same report twice.

    Attributes:
        text: for readers of plain text.
        html: for the others.
        picture: the PNG that the HTML refers to by `PICTURE_ID`, if any.
    """

    text: str
    html: str
    picture: bytes | None = None


def compose_mail(
    *,
    mail_id: str,
    run_id: str,
    report: str,
    host: str,
    date: datetime,
    from_: Mailbox,
    to: Sequence[Mailbox],
    subject: str,
    body: Body,
    attachment: Attachment | None,
) -> bytes:
    """Compose a report mail: text and HTML as alternatives, the file beside them.

    Args:
        mail_id: left side of the Message-ID.
        run_id: from which the boundaries follow, so that a run done twice gives the same mail.
        report: its name, for a header that filters can look at.
        host: right side of the Message-ID.
        date: of the mail, with a time zone.
        from_: author.
        to: everybody who gets it; all of them see all.
        subject: one line.
        body: what is read.
        attachment: the file, if any.
    """
    message = EmailMessage(policy=SMTP)
    message.set_content(body.text, cte="quoted-printable")
    message.add_alternative(body.html, subtype="html", cte="quoted-printable")
    if body.picture:
        _relate(message, body.picture)
    if attachment:
        _attach(message, attachment)
    _set_boundaries(message, run_id)
    headers = (
        f"From: {_mailbox(from_)}",
        f"To: {f',{_FOLD}'.join(_mailbox(mailbox) for mailbox in to)}",
        f"Subject: {_text(subject, 'Subject')}",
        f"Date: {format_datetime(date)}",
        f"Message-ID: <{mail_id}@{host}>",
        "Auto-Submitted: auto-generated",  # RFC 3834: no vacation notice answers it
        f"X-Mailroom-Report: {report}",
        f"X-Mailroom-Run-ID: {run_id}",
    )
    return "".join(f"{header}\r\n" for header in headers).encode("ascii") + message.as_bytes()


def _mailbox(mailbox: Mailbox) -> str:
    if not mailbox.name:
        return mailbox.address
    name = f'"{quote(mailbox.name)}"' if mailbox.name.isascii() else _text(mailbox.name, "To")
    return f"{name}{_FOLD}<{mailbox.address}>"


def _text(text: str, header: str) -> str:
    """Fold a text, in encoded words if need be (RFC 2047).

    The email package's modern policies are not up to it: they put a fold where the text has no blank, so that
    a reader of the unfolded header sees one too many.
    """
    charset = None if text.isascii() else "utf-8"
    folded = Header(text, charset, maxlinelen=_LONGEST_ENCODED_WORD, header_name=header)
    return folded.encode(linesep="\r\n")


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    params = {"charset": "utf-8"} if attachment.maintype == "text" else {}
    if not attachment.file_name.isascii():
        # what a reader shows that knows nothing of RFC 2231
        params["name"] = _ascii(attachment.file_name)
    message.add_attachment(
        attachment.content,
        maintype=attachment.maintype,
        subtype=attachment.subtype,
        filename=attachment.file_name,
        params=params or None,
    )


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()


def _relate(message: EmailMessage, picture: bytes) -> None:
    """Put the picture beside the HTML it belongs to (RFC 2387)."""
    html = message.get_body(("html",))
    if isinstance(html, EmailMessage):
        html.add_related(picture, "image", "png", cid=f"<{PICTURE_ID}>", disposition="inline")


def _set_boundaries(message: EmailMessage, run_id: str) -> None:
    """The email package draws boundaries at random; ours repeat. No encoded body holds `=_` (RFC 2045)."""
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{number}.{run_id}")
