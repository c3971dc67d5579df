"""A digest: one mail to a sender in place of the NDRs past the sender's budget.

It is plain text and no multipart/report: a DSN describes one message (RFC 3464 section 2), and no program
shall take a summary of many for one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.ndr_worker.composition import sanitise
from services.ndr_worker.composition.explanation import lines
from services.ndr_worker.composition.fields import date_time, folded
from services.ndr_worker.composition.languages import Texts

#: Failures that are listed; the rest is counted.
LISTED = 100
_LONGEST_DIAGNOSTIC = 300


@dataclass(frozen=True, slots=True)
class HeldNdr:
    """A failed recipient whose NDR was not sent.

    Attributes:
        message_id: The queue's id of the message.
        recipient: The envelope recipient.
        status: The enhanced status code.
        diagnostic: The reply or the local reason, untrusted, or None.
        bounced_at: When delivery was given up.
    """

    message_id: int
    recipient: str
    status: str
    diagnostic: str | None
    bounced_at: datetime


@dataclass(frozen=True, slots=True)
class Digest:
    """What one digest sums up.

    Attributes:
        digest_id: Its identity.
        sender: The reverse-path, not null; it must have passed the policy.
        since: Start of the period.
        until: Its end.
        held: The failures, in the order to show.
    """

    digest_id: UUID
    sender: str
    since: datetime
    until: datetime
    held: tuple[HeldNdr, ...]


def digest_text(digest: Digest, texts: Texts, names: Mapping[str, str]) -> str:
    """The text of a digest.

    Args:
        digest: What it sums up.
        texts: Of the language to use.
        names: `product`, `mta` and `help`, for the texts.

    Returns:
        Lines that end with CRLF; untrusted text stands indented.
    """
    opening = texts["opening"]["digest"].format(
        since=date_time(digest.since), until=date_time(digest.until), **names
    )
    messages = len({held.message_id for held in digest.held})
    summary = texts["digest"]["summary"].format(messages=messages, recipients=len(digest.held))
    found = [lines(opening), "", lines(summary), ""]
    for held in digest.held[:LISTED]:
        found += _row(held)
    if len(digest.held) > LISTED:
        more = texts["digest"]["more"].format(count=len(digest.held) - LISTED)
        found += ["", lines(more)]
    found += ["", lines(texts["closing"]["digest"].format_map(names)), ""]
    return "\r\n".join(found)


def _row(held: HeldNdr) -> list[str]:
    status = sanitise.seven_bit(held.status, 12)
    recipient = sanitise.printable(held.recipient)
    row = [folded(f"  {date_time(held.bounced_at)}  {status:<9} {recipient}", indent=" " * 12)]
    reason = " ".join(sanitise.printable(held.diagnostic or "", _LONGEST_DIAGNOSTIC).split())
    return [*row, folded(f"      {reason}", indent=" " * 8)] if reason else row
