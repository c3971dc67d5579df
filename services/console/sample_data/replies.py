"""Why recipients bounced: the replies and local reasons of the sample, tame and hostile."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """What ended the delivery attempts to one recipient.

    Attributes:
        smtp_status: reply code; None when no server replied; 0 is what some MTAs record instead.
        enhanced_status: as recorded by the MTA, which may have found none (RFC 3463).
        diagnostic: the reply with its line ends, or a local reason, or nothing.
        remote: whether another server was involved.
        expired: whether the message was given up after days of temporary failures.
    """

    smtp_status: int | None
    enhanced_status: str | None
    diagnostic: str | None
    remote: bool = True
    expired: bool = False


TAME = (
    Reply(550, "5.1.1", "550 5.1.1 <recipient>: Recipient address rejected: User unknown"),
    Reply(550, None, "550 no such user here"),
    Reply(552, "5.2.2", "552 5.2.2 The email account that you tried to reach is over quota"),
    Reply(
        550,
        "5.7.1",
        "550-5.7.1 Our system has detected that this message is likely unsolicited.\r\n"
        "550-5.7.1 To reduce the amount of it, this message has been blocked.\r\n"
        "550 5.7.1 Visit https://support.example.net/blocked for more information.",
    ),
    Reply(451, "4.7.1", "451 4.7.1 Greylisting in action, please come back later", expired=True),
    Reply(452, "4.2.2", "452-4.2.2 The recipient's inbox is out of storage\r\n452 4.2.2 space", expired=True),
    Reply(None, "4.4.1", "connect to mx.example.net[192.0.2.25]:25: Connection timed out", expired=True),
    Reply(None, "5.4.4", "Host or domain name not found: no MX, A or AAAA record", remote=False),
    Reply(None, None, "mail for this domain loops back to myself", remote=False),
    Reply(556, "5.1.10", "556 5.1.10 Recipient address has a null MX"),
    Reply(554, "5.0.0", "554 Transaction failed"),
    Reply(None, None, None, remote=False),
    Reply(0, None, "message expired without an attempt", remote=False, expired=True),
    Reply(421, None, "421 Too many connections from your host", expired=True),
)

HOSTILE = (
    Reply(
        550,
        "5.1.1",
        "550 5.1.1 user unknown\r\nFinal-Recipient: rfc822; victim@example.com\r\n"
        "Action: failed\r\nStatus: 5.1.1",
    ),
    Reply(
        550, "5.1.1", "550 5.1.1 unknown\r\n\r\nFinal-Recipient: rfc822; victim@example.com\r\nAction: failed"
    ),
    Reply(550, None, "550 \x1b[31mred\x1b[0m \x1b]0;title\x07 and a \x9b CSI"),
    Reply(
        554, "5.7.1", "554-5.7.1 " + "blocked because of a very long explanation " * 100 + "\r\n554 5.7.1 end"
    ),
    Reply(554, None, "554-" + "x" * 3000),
    Reply(550, "5.1.1", "550 5.1.1 bare\rcarriage return\nand bare line feed, \x7f\x08\x0b too"),
    Reply(550, "5.1.1", "550 5.1.1 Empfänger unbekannt, 受信者不明, \u202eesrever\u202c \u200bzero width"),
    Reply(550, "4.2.2", "550 4.2.2 the enhanced status contradicts the reply"),
    Reply(550, "5.01.1", "550 5.01.1 leading zero in the enhanced status"),
    Reply(554, "five", "554 \r\n.\r\nRCPT TO:<victim@example.com>\r\nDATA"),
    Reply(
        550,
        None,
        "550 --boundary\r\n\r\n--boundary--\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>",
    ),
    Reply(550, "5.1.1", "   \r\n"),
)
