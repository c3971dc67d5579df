"""What one attempt means for each recipient: plain values, and the decisions taken on them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.mail_relay.reply import Reply, Verdict

#: Basic and enhanced status of a failure for want of an extension (RFC 6152 section 3, RFC 6531 section 3.5).
_LACKING = {"8BITMIME": (554, "5.6.3"), "SMTPUTF8": (553, "5.6.7")}


@dataclass(frozen=True, slots=True)
class Peer:
    """The server that was talked to; its address is not known of one the ledger remembers."""

    name: str
    ip: str | None


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """How an attempt ended for one recipient.

    Attributes:
        recipient: as the ledger names it.
        verdict: delivered, deferred or failed.
        reply: the server's reply, or the local reason.
        smtp_status: basic code, or None when nobody said one.
        enhanced_status: or None.
        in_doubt: the message was sent and no reply came, so that it may have been accepted (RFC 1047).
        peer: who answered, or None.
    """

    recipient: str
    verdict: Verdict
    reply: str
    smtp_status: int | None = None
    enhanced_status: str | None = None
    in_doubt: bool = False
    peer: Peer | None = None


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """A recipient this relay may send to now, and what its earlier attempts left.

    Attributes:
        recipient: as the ledger names it.
        number: 1 for the first attempt; tells this attempt from one that another relay begins later.
        last_status: basic code of the last reply, or None.
        last_reply: the last reply or local reason, or None.
        last_mta: who gave it, or None.
        resumed: the attempt before had no result when its lease ended: it is in doubt.
    """

    recipient: str
    number: int
    last_status: int | None = None
    last_reply: str | None = None
    last_mta: str | None = None
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """What the ledger says to a relay that wants to send a mail.

    Attributes:
        attempts: the recipients to send to.
        finished: how many recipients were served or given up before.
        elsewhere: how many another relay is sending to now.
        expired: the mail's time is over.
    """

    attempts: tuple[OpenAttempt, ...] = field(default=())
    finished: int = 0
    elsewhere: int = 0
    expired: bool = False


def answered(recipient: str, reply: Reply, peer: Peer) -> RecipientResult:
    """Take a server's reply for what became of a recipient."""
    return RecipientResult(
        recipient, reply.verdict, reply.transcript, reply.code, reply.enhanced_status, peer=peer
    )


def postponed(
    recipient: str, reason: str, peer: Peer | None = None, *, in_doubt: bool = False
) -> RecipientResult:
    """Leave a recipient to a later attempt, for a reason of ours."""
    return RecipientResult(recipient, Verdict.DEFERRED, reason, in_doubt=in_doubt, peer=peer)


def refused_as_malformed(recipient: str, reason: str) -> RecipientResult:
    """Give a recipient up that no server may see."""
    return RecipientResult(recipient, Verdict.FAILED, reason, 553, "5.1.3")


def refused_for_lack(recipient: str, extension: str, peer: Peer) -> RecipientResult:
    """Give a recipient up whose server lacks the extension this mail needs."""
    smtp_status, enhanced_status = _LACKING[extension]
    reason = f"the mail server does not offer {extension}, which this message needs"
    return RecipientResult(recipient, Verdict.FAILED, reason, smtp_status, enhanced_status, peer=peer)


def expired(attempt: OpenAttempt, expires_at: datetime) -> RecipientResult:
    """Give a recipient up whose time is over; a server's last reply says why it came to that."""
    if attempt.last_status is not None and attempt.last_reply is not None:
        reply = attempt.last_reply
    else:
        reason = attempt.last_reply or "no attempt was made before"
        reply = f"message expired at {expires_at.isoformat(timespec='seconds')}; {reason}"
    peer = Peer(attempt.last_mta, None) if attempt.last_mta is not None else None
    return RecipientResult(attempt.recipient, Verdict.FAILED, reply, attempt.last_status, "4.4.7", peer=peer)


def after_envelope(
    recipients: Sequence[str], replies: Sequence[Reply], peer: Peer
) -> tuple[list[str], list[RecipientResult]]:
    """Sort recipients by the replies to MAIL and RCPT.

    Args:
        recipients: as they were named, in order.
        replies: to MAIL, then to each RCPT.
        peer: who gave them.

    Returns:
        The recipients the message text is for, and the results of the others.
    """
    to_mail, *to_recipients = replies
    if not to_mail.accepted:
        # whatever it then says to RCPT follows from this
        to_recipients = [to_mail] * len(recipients)
    asked = list(zip(recipients, to_recipients, strict=True))
    accepted = [recipient for recipient, reply in asked if reply.accepted]
    return accepted, [answered(recipient, reply, peer) for recipient, reply in asked if not reply.accepted]


def all_finished(begun: Begun, results: Sequence[RecipientResult]) -> bool:
    """Whether no recipient of the mail needs anything more."""
    return not begun.elsewhere and all(result.verdict is not Verdict.DEFERRED for result in results)


def reason_to_retry(results: Sequence[RecipientResult]) -> str | None:
    """Say why the mail must come back, or None."""
    deferred = [result for result in results if result.verdict is Verdict.DEFERRED]
    return f"{len(deferred)} deferred; {deferred[0].recipient}: {deferred[0].reply}" if deferred else None


def outcome(result: RecipientResult, mail_from: str) -> str:
    """Name a result for the counter `mailroom_mail_deliveries_total`."""
    if result.in_doubt:
        return "in-doubt"
    if result.verdict is Verdict.FAILED and mail_from == "":
        return "double-bounce"
    return result.verdict.value
