"""Content of the spooled messages: what people write, and what breaks composers of notifications.

Every builder takes a stream of randomness and the `Heading` of the message and returns the octets as they
were spooled. None returns nothing: a message without content is an operator's error with its own test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from random import Random

_LARGE = 300 * 1024
_WORDS = """
dear colleagues please review the attached minutes before noon and reply to our meeting room on the second
floor thank you kind regards invoice delivery order number customer budget of last quarter tomorrow agenda
""".split()  # noqa: SIM905 - a list of so many quoted words reads worse


@dataclass(frozen=True, slots=True)
class Heading:
    """What the header of an original says; ASCII, without line ends."""

    author: str
    recipient: str
    date: datetime
    number: int


Builder = Callable[[Random, Heading], bytes]


def _header(heading: Heading, *extra: str, subject: str | None = None) -> str:
    domain = heading.author.rpartition("@")[2]
    return "".join(
        f"{line}\r\n"
        for line in (
            f"Received: from client.{domain} ([198.51.100.7]) by mx.example.com id {heading.number};",
            f"\t{format_datetime(heading.date)}",
            f"From: Someone <{heading.author}>",
            f"To: {heading.recipient}",
            f"Subject: {subject or f'Message {heading.number}'}",
            f"Date: {format_datetime(heading.date)}",
            f"Message-ID: <{heading.number}.{heading.date:%Y%m%d%H%M%S}@{domain}>",
            "MIME-Version: 1.0",
            *extra,
        )
    )


def _prose(random: Random, lines: int) -> str:
    return "".join(" ".join(random.choices(_WORDS, k=10)) + "\r\n" for _ in range(lines))


def _text(random: Random, heading: Heading, words: str, *, charset: str, lines: int = 12) -> bytes:
    header = _header(
        heading,
        f"Content-Type: text/plain; charset={charset}",
        f"Content-Transfer-Encoding: {'7bit' if words.isascii() else '8bit'}",
    )
    return f"{header}\r\n{words}\r\n{_prose(random, lines)}".encode(charset)


def plain(random: Random, heading: Heading) -> bytes:
    """A short text."""
    return _text(random, heading, "Hello,", charset="us-ascii")


def newsletter(random: Random, heading: Heading) -> bytes:
    """A text of 6 to 10 KiB."""
    return _text(random, heading, "This week:", charset="us-ascii", lines=random.randrange(100, 140))


def multipart(random: Random, heading: Heading) -> bytes:
    """Text with an HTML alternative."""
    header = _header(heading, 'Content-Type: multipart/alternative; boundary="=_alt"')
    text = _prose(random, 8)
    return (
        f"{header}\r\n--=_alt\r\nContent-Type: text/plain\r\n\r\n{text}"
        f"--=_alt\r\nContent-Type: text/html\r\n\r\n<p>{text}</p>\r\n--=_alt--\r\n"
    ).encode()


def utf8_body(random: Random, heading: Heading) -> bytes:
    """A UTF-8 body, not encoded."""
    return _text(random, heading, "Grüße aus Squamish \N{EM DASH} ご確認ください 🙂", charset="utf-8")


def latin1_body(random: Random, heading: Heading) -> bytes:
    """An ISO-8859-1 body, not encoded."""
    return _text(random, heading, "Déjà vu à Québec, señor Müller", charset="iso-8859-1")


def latin1_header(random: Random, heading: Heading) -> bytes:
    """A header with raw ISO-8859-1 octets, which no RFC allows."""
    header = _header(heading, subject="Réservation confirmée")
    return f"{header}\r\n{_prose(random, 5)}".encode("iso-8859-1")


def long_lines(random: Random, heading: Heading) -> bytes:
    """Lines longer than the 998 octets of RFC 5322, in header and body."""
    header = _header(heading, "X-Long: " + "a" * 1500)
    return f"{header}\r\n{'word ' * 900}\r\n{'x' * 5000}\r\n{_prose(random, 3)}".encode()


def bare_carriage_returns(random: Random, heading: Heading) -> bytes:
    """Carriage returns without line feed."""
    return f"{_header(heading)}\r\nprogress 1%\rprogress 99%\rdone\r\n{_prose(random, 3)}\r".encode()


def bare_line_feeds(random: Random, heading: Heading) -> bytes:
    """CRLF in the header, bare line feeds in the body, with an SMTP smuggling attempt."""
    smuggled = "\n.\r\nMAIL FROM:<attacker@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n"
    return f"{_header(heading)}\r\nunix lines\nfollow\n{smuggled}{_prose(random, 3)}".encode()


def line_feeds_only(random: Random, heading: Heading) -> bytes:
    """Unix line ends throughout."""
    return f"{_header(heading)}\r\n{_prose(random, 10)}".replace("\r\n", "\n").encode()


def nul_octets(random: Random, heading: Heading) -> bytes:
    """NUL in header and body."""
    header = _header(heading, "X-Nul: a\0b")
    return f"{header}\r\nbefore\0after\r\n\0\0\0\r\n{_prose(random, 3)}".encode()


def leading_dots(random: Random, heading: Heading) -> bytes:
    """Lines that start with, or are, dots."""
    return f"{_header(heading)}\r\n.\r\n..\r\n.hidden\r\n...\r\n{_prose(random, 2)}.\r\n".encode()


def boundary_lines(random: Random, heading: Heading) -> bytes:
    """Lines that look like boundaries of any report wrapped around it."""
    lines = "".join(
        f"--{boundary}\r\n--{boundary}--\r\n" for boundary in ("=_mailroom", "=_report", "boundary", "=", "")
    )
    return f"{_header(heading)}\r\n{lines}{_prose(random, 2)}".encode()


def fake_delivery_status(random: Random, heading: Heading) -> bytes:
    """A body that is a delivery report about somebody else."""
    header = _header(heading, "Content-Type: multipart/report; report-type=delivery-status; boundary=fake")
    return (
        f"{header}\r\n--fake\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example.com\r\n\r\n"
        "Final-Recipient: rfc822; victim@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--fake--\r\n{_prose(random, 2)}"
    ).encode()


def header_injection(random: Random, heading: Heading) -> bytes:
    """A subject and a message id that try to become further header fields."""
    header = _header(
        heading,
        "References: <a@example.com>\r\rBcc: victim@example.com",
        subject="Invoice\rBcc: victim@example.com\nX-Injected: yes\r =?utf-8?q?=0D=0ABcc:_victim?=",
    )
    return f"{header}\r\n{_prose(random, 3)}".encode()


def several_message_ids(random: Random, heading: Heading) -> bytes:
    """Fields that may occur once, twice."""
    header = _header(
        heading, "Message-ID: <second@example.com>", "Subject: another", "From: other@example.com"
    )
    return f"{header}\r\n{_prose(random, 3)}".encode()


def no_header(random: Random, heading: Heading) -> bytes:
    """An empty header: the content starts with the separating line."""
    return f"\r\nno header, message {heading.number}\r\n{_prose(random, 4)}".encode()


def only_a_body(random: Random, heading: Heading) -> bytes:
    """Text without anything that looks like a header field."""
    return f"just some text, message {heading.number}\r\n{_prose(random, 4)}".encode()


def no_separator(random: Random, heading: Heading) -> bytes:
    """A header that runs to the end, without the empty line, cut within its last field."""
    return _header(heading, f"X-Words: {' '.join(random.choices(_WORDS, k=8))}").removesuffix("\r\n").encode()


def huge_header(random: Random, heading: Heading) -> bytes:
    """A header of more than 30 KiB, longer than any cut-off."""
    fields = (f"X-Field-{number}: {' '.join(random.choices(_WORDS, k=12))}" for number in range(400))
    folded = "X-Folded: start" + "".join(f"\r\n\tcontinued {number}" for number in range(300))
    return f"{_header(heading, *fields, folded)}\r\n{_prose(random, 3)}".encode()


def large(random: Random, heading: Heading) -> bytes:
    """300 KiB, as a base64 attachment."""
    line = "".join(random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=76))
    header = _header(
        heading,
        'Content-Type: application/octet-stream; name="scan.bin"',
        "Content-Transfer-Encoding: base64",
    )
    return f"{header}\r\n".encode() + f"{line}\r\n".encode() * (_LARGE // 78)


REALISTIC: tuple[Builder, ...] = (plain, multipart, newsletter, utf8_body, plain)

HOSTILE: tuple[Builder, ...] = (
    latin1_body,
    long_lines,
    bare_carriage_returns,
    bare_line_feeds,
    line_feeds_only,
    nul_octets,
    leading_dots,
    boundary_lines,
    fake_delivery_status,
    header_injection,
    several_message_ids,
    no_header,
    only_a_body,
    no_separator,
    huge_header,
    large,
    latin1_header,
)
