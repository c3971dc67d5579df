"""Composing one NDR: our byte templates, sanitising included, beside `email.message.EmailMessage`.

Only the ratio means anything: both sides run in turns in one process, in CPU time, and each round's ratio is
taken from measurements made next to each other.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime
from statistics import median
from uuid import UUID

from services.ndr_worker.bounce import BouncedMessage, FailedRecipient, Notification
from services.ndr_worker.composition.compose import Composer
from services.ndr_worker.composition.identity import NdrIdentity
from services.ndr_worker.composition.log_id import log_id, queue_id
from services.ndr_worker.composition.verify import defects

#: Our CPU time is at most this part of EmailMessage's.
BOUND = 100
ROUNDS = 9
_PER_ROUND = {"ours": 400, "theirs": 8}

NOW = datetime(2026, 11, 21, 0, 10, 12, tzinfo=UTC)
_RECEIVED = (
    "Received: from host{n}.example.com (host{n}.example.com [192.0.2.{n}])\r\n"
    "\tby mx{n}.example.com (Mail) with ESMTPS id 4Xyz{n}abc\r\n"
    "\tfor <bob@remote.test>; Sat, 21 Nov 2026 00:10:0{n} +0000\r\n"
)
_FIELDS = (
    "".join(_RECEIVED.format(n=n) for n in range(1, 5))
    + "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=sender.test; s=mail;\r\n"
    + "".join(f"\t{'AbCd0123' * 8}\r\n" for _ in range(5))
    + "From: Alice <alice@sender.test>\r\nTo: bob@remote.test\r\nSubject: The report you asked for\r\n"
    "Date: Sat, 21 Nov 2026 00:10:00 +0000\r\nMessage-ID: <abc.123@sender.test>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=us-ascii\r\n"
).encode()
ORIGINAL = (
    _FIELDS + b"\r\n" + b"The quick brown fox jumps over the lazy dog, and then over another.\r\n" * 200
)[: 10 * 1024]
RETURNED = 4096
# What the worker reads of an original: enough for its header and for what is returned.
_READ = 8192


def _entry(n: int) -> FailedRecipient:
    return FailedRecipient(
        entry_id=n,
        recipient=f"bob{n}@remote.test",
        original_recipient=f"rfc822;bob{n}@remote.test",
        notify=None,
        smtp_status=550,
        enhanced_status=None,
        diagnostic=f"550 5.1.1 <bob{n}@remote.test>: Recipient address rejected: User unknown",
        remote_mta="mx.remote.test",
        remote_ip="203.0.113.9",
        attempts=1,
        last_attempt_at=NOW,
        bounced_at=NOW,
    )


def _notification(n: int) -> Notification:
    message = BouncedMessage(
        message_id=n,
        sender=f"alice{n}@sender.test",
        received_at=NOW,
        received_from="192.0.2.7",
        helo="a.example.com",
        envelope_id=None,
        ret=None,
        smtputf8=False,
        requiretls=False,
        content=ORIGINAL[:_READ],
        content_size=len(ORIGINAL),
    )
    return Notification(UUID(int=n), message, (_entry(n),))


def email_message(notification: Notification) -> bytes:
    """The same NDR as the documentation of the `email` package has one build it.

    The same fields and parts as ours. The original is parsed, for its Message-ID and for the header that is
    returned; nothing is sanitised beyond what the package itself refuses.
    """
    recipient, message = notification.recipients[0], notification.message
    original = message_from_bytes(message.content[:RETURNED], policy=SMTP)
    ndr = EmailMessage(policy=SMTP)
    ndr["From"] = Address(addr_spec="postmaster@mail.example.com")
    ndr["To"] = Address(addr_spec=message.sender)
    ndr["Subject"] = "Delivery Failure Report"
    ndr["Date"] = NOW
    ndr["Message-ID"] = f"<ndr.{notification.ndr_id}@mx1.mail.example.com>"
    ndr["In-Reply-To"] = ndr["References"] = str(original["Message-ID"])
    ndr["Auto-Submitted"] = "auto-replied"
    ndr.set_content(
        "This is the Mailroom mailserver at mx1.mail.example.com.\nYour message could not be delivered.\n\n"
        f"Not delivered to:\n\n  {recipient.recipient}\n    There is no such address. (5.1.1)\n"
        "    Please check how the address is written. Sending the same message\n    again will not help.\n"
        f"    The mail server {recipient.remote_mta} said:\n    {recipient.diagnostic}\n\n"
        "No further attempt will be made. If you need help, quote this notification to\n"
        "postmaster@mail.example.com\n"
    )
    ndr["Content-Description"] = "Non-Delivery Notification"
    ndr["Content-Language"] = "en"
    ndr.make_mixed()
    report = EmailMessage(policy=SMTP)
    report["Content-Description"] = "Non-Delivery Report"
    report["Content-Type"] = "message/delivery-status"
    report.set_payload([_per_message(message), _per_recipient(message, recipient)])
    ndr.attach(report)
    ndr.add_attachment(original)
    ndr.replace_header("Content-Type", "multipart/report; report-type=delivery-status")
    return ndr.as_bytes(policy=SMTP)


def _per_message(message: BouncedMessage) -> Message:
    block = EmailMessage(policy=SMTP)
    block["Reporting-MTA"] = "dns; mx1.mail.example.com"
    block["Received-From-MTA"] = f"dns; {message.helo} ({message.received_from})"
    block["Arrival-Date"] = format_datetime(message.received_at)
    block["X-Mailroom-Queue-ID"] = queue_id(message.message_id)
    return block


def _per_recipient(message: BouncedMessage, recipient: FailedRecipient) -> Message:
    block = EmailMessage(policy=SMTP)
    block["Original-Recipient"] = f"rfc822; {recipient.recipient}"
    block["Final-Recipient"] = f"rfc822; {recipient.recipient}"
    block["Action"] = "failed"
    block["Status"] = "5.1.1"
    block["Remote-MTA"] = f"dns; {recipient.remote_mta} ({recipient.remote_ip})"
    block["Diagnostic-Code"] = f"smtp; {recipient.diagnostic}"
    block["Last-Attempt-Date"] = format_datetime(NOW)
    block["Final-Log-ID"] = log_id(message.message_id, recipient.entry_id)
    return block


def _seconds_each(build: Callable[[Notification], object], notifications: list[Notification]) -> float:
    start = time.process_time()
    for notification in notifications:
        build(notification)
    return (time.process_time() - start) / len(notifications)


def measure() -> tuple[float, float, float, float]:
    """CPU seconds of one NDR, medians over rounds.

    Returns:
        Ours composed, ours composed and checked, EmailMessage's; and theirs by ours composed, each round's
        ratio taken on its own.
    """
    composer = Composer(
        NdrIdentity("mx1.mail.example.com", "postmaster@mail.example.com", "Delivery Failure Report")
    )

    def compose(notification: Notification) -> object:
        return composer.compose(notification, NOW)

    def compose_and_check(notification: Notification) -> None:
        message = composer.compose(notification, NOW).message
        if trouble := defects(message, len(notification.recipients)):
            raise AssertionError(trouble)

    rounds = []
    for number in range(ROUNDS + 1):
        own = [_notification(number * 1000 + n) for n in range(_PER_ROUND["ours"])]
        half = len(own) // 2
        before = _seconds_each(compose, own[:half])
        theirs = _seconds_each(email_message, own[: _PER_ROUND["theirs"]])
        composed = (before + _seconds_each(compose, own[half:])) / 2
        checked = _seconds_each(compose_and_check, own)
        rounds.append((composed, checked, theirs, theirs / composed))
    # The first round fills caches.
    composed, checked, theirs, ratio = (median(column) for column in zip(*rounds[1:], strict=True))
    return composed, checked, theirs, ratio


def main() -> int:
    """Print the row of the benchmark table; 1 when the bound is broken."""
    composed, checked, theirs, ratio = measure()
    kept = ratio >= BOUND
    sys.stdout.write(
        f"composer vs EmailMessage: ratio 1/{ratio:.0f} (bound 1/{BOUND}) {'ok' if kept else 'BROKEN'}"
        f"   [CPU: {composed * 1e6:.1f} us, {checked * 1e6:.1f} us with the self-check; "
        f"{theirs * 1e6:.0f} us]\n"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
