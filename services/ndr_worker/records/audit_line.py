r"""A line of the audit log: the seed's layout (5.1), extended by what the seed left out.

    2026-11-21 00:10:12.497 Bounced Msg id=FB706BC3-1; From=alice@sender.test via 192.0.2.7;
    To=bob@remote.test; Status=550 - Transit=1s815ms; NDR=0190a1b2-...; Enhanced=5.1.1;
    Diagnostic="550 5.1.1 No such user"

all on one line. What is new stands behind `Transit`, each field only where it is known, so that whatever
read the seed's lines reads these. Sender, recipient and diagnostic come from strangers, who must not be able
to end a line or begin a field: `;`, `"`, backslash and every character that does not print are written as C
and Python write them in strings (`\x3b`, `\n`, `\\`, `\u202e`), and outside of the quoted diagnostic the
space too. So a `; ` always separates fields, and undoing the escapes gives back the very text. All else
stands as it is, in UTF-8.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.ndr_worker.composition.log_id import log_id
from shared.settings.values import format_time_span

#: What the seed calls an outcome (5.2), by its action in `bounce_audit`; new outcomes follow its style.
ACTION_WORDS: Final = {
    "reported": "Bounced Msg",
    "held-for-digest": "Bounced Msg (held for digest)",
    "delay-reported": "Delayed Msg",
    "success-reported": "Delivered Msg",
    "discarded-null-sender": "Discarding bounced NDR",
    "discarded-disabled": "Discarding bounced Msg",
    "discarded-notify": "Discarding bounced Msg (NOTIFY)",
    "discarded-own-address": "Discarding bounced Msg (own address)",
    "discarded-loop": "Discarding bounced Msg (loop)",
    "quarantined": "Quarantined Msg",
}
_PERHAPS_UNSAFE = re.compile(r"[^!#-:<-\[\]-~]")
_PERHAPS_UNSAFE_QUOTED = re.compile(r"[^ !#-:<-\[\]-~]")
_SHORT_ESCAPES: Final = {"\\": r"\\", "\r": r"\r", "\n": r"\n", "\t": r"\t"}
_LATIN_1_END: Final = 0xFF
_BASIC_PLANE_END: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """What became of one entry.

    Attributes:
        at: When it was dealt with, with a time zone.
        action: The outcome, as in `bounce_audit`.
        message_id: The bounced message.
        entry_id: Its entry in the queue.
        ndr_id: The notification that reports it.
        sender: Reverse-path; empty: null.
        received_from: IP address the message came from; None: the MTA made it.
        recipient: Envelope recipient.
        smtp_status: Last reply's code; None: there was none.
        enhanced_status: Enhanced status code.
        diagnostic: Last reply's text.
        received_at: When the message was accepted, with a time zone.
    """

    at: datetime
    action: str
    message_id: int
    entry_id: int
    ndr_id: str | None
    sender: str
    received_from: str | None
    recipient: str
    smtp_status: int | None
    enhanced_status: str | None
    diagnostic: str | None
    received_at: datetime


def audit_line(record: AuditRecord, *, dated: bool) -> str:
    """Write one line, without its end.

    Args:
        record: What became of an entry.
        dated: Whether the time has its date; it has none where the file's name says it (seed 5.3).

    Returns:
        Printable text, UTF-8 encodable; the time is local.
    """
    time = record.at.astimezone().isoformat(" ", "milliseconds")[0 if dated else 11 : 23]
    action = ACTION_WORDS.get(record.action) or _escaped(record.action)
    origin = f" via {_escaped(record.received_from)}" if record.received_from else " src=MTA"
    line = (
        f"{time} {action} id={log_id(record.message_id, record.entry_id)}; "
        f"From={_escaped(record.sender)}{origin}; To={_escaped(record.recipient)}; "
        f"Status={record.smtp_status or 0} - "
        f"Transit={format_time_span(record.at - record.received_at)}"
    )
    if record.ndr_id is not None:
        line += f"; NDR={_escaped(record.ndr_id)}"
    if record.enhanced_status is not None:
        line += f"; Enhanced={_escaped(record.enhanced_status)}"
    if record.diagnostic is not None:
        line += f'; Diagnostic="{_PERHAPS_UNSAFE_QUOTED.sub(_escape, record.diagnostic)}"'
    return line


def _escaped(text: str) -> str:
    return _PERHAPS_UNSAFE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    if not character.isascii() and character.isprintable():
        return character
    if short := _SHORT_ESCAPES.get(character):
        return short
    if code <= _LATIN_1_END:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _BASIC_PLANE_END else f"\\U{code:08x}"
