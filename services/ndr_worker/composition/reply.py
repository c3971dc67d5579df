"""What a delivery attempt ended with: the reply, and the status code that names it (RFC 3463)."""

import re
from typing import NamedTuple

from services.ndr_worker.bounce import Action, FailedRecipient
from services.ndr_worker.composition import sanitise

#: How much of a reply is transcribed; nobody reads further, and a remote server chooses the length.
MAX_REPLY_CHARACTERS = 4000
MAX_REPLY_LINES = 20

_LINE_END = re.compile(r"\r\n|\r|\n")
_REPLY_LINE = re.compile(r"[2-5][0-9]{2}(?:[ -]|$)", re.ASCII)
_FAILURE_LINE = re.compile(r"[45][0-9]{2}(?:[ -]|$)", re.ASCII)
_CLASSES = {4: "4", 5: "5"}
#: An enhanced status code (RFC 3463 section 2).
STATUS = re.compile(r"([245])\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})", re.ASCII)
# An enhanced status code stands behind the basic code (RFC 2034), or where qmail puts it: "(#5.1.1)".
_STATUS_IN_TEXT = re.compile(
    rf"(?:^(?:[245]\d\d[ -]\s*)?|[#(])#?({STATUS.pattern})(?!\.?\d)", re.ASCII | re.MULTILINE
)

#: Subject and detail that a reply's wording stands for, in order of precedence; the class is the reply's own.
_WORDINGS = tuple(
    (re.compile(pattern), detail)
    for pattern, detail in (
        (r"over ?quota|quota (?:is )?exceeded|exceeded.{0,20}quota", "2.2"),
        (r"(?:mailbox|inbox) (?:is )?(?:over)?full", "2.2"),
        (
            r"(?:mailbox|account|user|recipient) (?:is |has been )?(?:disabled|inactive|suspended|locked)",
            "2.1",
        ),
        (r"(?:message|mail|size).{0,30}(?:too (?:large|big)|exceeds)", "3.4"),
        (r"null mx|does(?: not|n't) accept (?:e?mail|messages)", "1.10"),
        (r"(?:domain|host) (?:name )?(?:not found|unknown|does(?: not|n't) exist)", "1.2"),
        (r"(?:unknown|no such) (?:domain|host)", "1.2"),
        (r"(?:user|mailbox|recipient|account|address)[^.;]{0,40} (?:unknown|not found)", "1.1"),
        (r"(?:user|mailbox|recipient|account|address)[^.;]{0,40} does(?: not|n't) exist", "1.1"),
        (r"(?:unknown|no such|invalid|unrouteable) (?:local )?(?:user|mailbox|recipient|address)", "1.1"),
        (r"relay(?:ing)?[^.;]{0,40}(?:denied|not (?:permitted|allowed))|(?:unable|refus\w*) to relay", "7.1"),
        (r"greylist|graylist|\bspam\b|black ?list|block ?list|\bpolicy\b|access denied", "7.1"),
        (r"too many hops|mail loop|routing loop|loops? (?:back|detected)", "4.6"),
        (r"dns (?:trouble|error|failure|lookup)|name ?server", "4.3"),
        (r"cannot connect|connection refused|no route to host|unreachable", "4.1"),
        (r"timed? ?out|connection (?:lost|closed|reset|dropped)", "4.2"),
    )
)
#: Basic codes that mean one thing only (RFC 5321 section 4.2.3, RFC 7504).
_CODES = {521: "3.2", 551: "1.6", 553: "1.3", 556: "1.10"}


# The class that every status of such a notification has; that of a failure is its reply's.
_CLASS_OF_ACTION = {Action.DELAYED: "4", Action.DELIVERED: "2", Action.RELAYED: "2"}
_UNDETAILED = {"2": "2.0.0", "4": "4.0.0"}
# A temporary failure that bounced without a better reason has expired.
_FAILURE_UNDETAILED = {"4": "4.4.7", "5": "5.0.0"}


class Outcome(NamedTuple):
    """What became of the message for one recipient.

    Attributes:
        status: The enhanced status code; class 4 or 5 for a failure, 4 for a delay, 2 for a success.
        from_server: Whether `lines` are a server's reply; else they are our own words.
        lines: What to show, safe printable text, none empty; at least one line unless it is a success.
    """

    status: str
    from_server: bool
    lines: tuple[str, ...]


def outcome(
    recipient: FailedRecipient,
    fallback_status: str = "5.0.0",
    assumed_smtp_status: int = 0,
    action: Action = Action.FAILED,
) -> Outcome:
    """Read what is known about an entry.

    Args:
        recipient: The entry.
        fallback_status: The status of a failure when nothing at all is known.
        assumed_smtp_status: The basic reply code of an entry that has none, neither recorded nor at the start
            of its diagnostic; 0: none (seed: statuszero).
        action: What is reported about it.

    Returns:
        Its status and words.
    """
    text = recipient.diagnostic or ""
    text = text[:MAX_REPLY_CHARACTERS].strip()
    from_server = _REPLY_LINE.match(text) is not None
    smtp_status = recipient.smtp_status or (0 if from_server else assumed_smtp_status)
    if from_server:
        lines = _reply_lines(text)
    elif action in (Action.DELIVERED, Action.RELAYED) and not text:
        lines = ()
    else:
        lines = (_local_reason(text, smtp_status),)
    return Outcome(
        status(smtp_status, recipient.enhanced_status, text, fallback_status, action), from_server, lines
    )


def status(
    smtp_status: int | None,
    enhanced_status: str | None,
    diagnostic: str,
    fallback_status: str,
    action: Action = Action.FAILED,
) -> str:
    """The most precise status that agrees with the class of the reply (RFC 3461 section 6.3 g).

    A recorded enhanced code wins, then one in the text, then what the words or the code are known to mean. A
    temporary failure that bounced without a better reason has expired: 4.4.7. Digits of the basic code are
    never copied: a 550 is no "5.5.0" protocol error.

    Args:
        smtp_status: Basic reply code, or None or 0.
        enhanced_status: Enhanced code recorded beside it, or None.
        diagnostic: The reply or local reason; may be empty.
        fallback_status: The status of a failure when nothing is known.
        action: What is reported; a delay has class 4, a success class 2, whatever the reply.

    Returns:
        A code such as `5.1.1`.
    """
    reply_class = _CLASS_OF_ACTION.get(action) or _reply_class(smtp_status, diagnostic)
    expected = reply_class or "45"
    if enhanced_status and enhanced_status[0] in expected and STATUS.fullmatch(enhanced_status):
        return enhanced_status
    found = _STATUS_IN_TEXT.search(diagnostic)
    while found:
        code, status_class = found.group(1, 2)
        if status_class in expected:
            return code
        found = _STATUS_IN_TEXT.search(diagnostic, found.end())
    if reply_class != "2":
        by_rule = _status_by_rule(smtp_status, diagnostic, reply_class or fallback_status[0])
        if by_rule:
            return by_rule
    undetailed = _UNDETAILED if action in _CLASS_OF_ACTION else _FAILURE_UNDETAILED
    return undetailed.get(reply_class, fallback_status)


def _reply_class(smtp_status: int | None, diagnostic: str) -> str:
    """`4`, `5`, or empty when no reply says which."""
    if smtp_status:
        return _CLASSES.get(smtp_status // 100, "")
    return diagnostic[0] if _FAILURE_LINE.match(diagnostic) else ""


def _status_by_rule(smtp_status: int | None, diagnostic: str, reply_class: str) -> str | None:
    wording = diagnostic.lower()
    detail = (
        next((detail for pattern, detail in _WORDINGS if pattern.search(wording)), None) if wording else None
    )
    detail = detail or _CODES.get(smtp_status or 0)
    return f"{reply_class}.{detail}" if detail else None


def _reply_lines(text: str) -> tuple[str, ...]:
    """The lines of a server's reply; what does not begin like one joins the line before."""
    if text.isascii() and text.isprintable():
        return (text,)
    lines: list[str] = []
    for line in _LINE_END.split(text):
        safe = sanitise.printable(line, MAX_REPLY_CHARACTERS).strip()
        if not lines or _REPLY_LINE.match(line):
            lines.append(safe)
        elif safe:
            lines[-1] += f" {safe}"
    return tuple(lines[:MAX_REPLY_LINES])


def _local_reason(text: str, smtp_status: int | None) -> str:
    reason = " ".join(sanitise.printable(text, MAX_REPLY_CHARACTERS).split())
    if reason:
        return reason
    return (
        f"{smtp_status} (no further detail was recorded)" if smtp_status else "no further detail was recorded"
    )
