"""What one attempt means for each recipient: plain values, and the decisions taken on them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from services.mail_relay.extensions import Obstacle
from services.mail_relay.reply import Reply, Verdict


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
        offered: whether there was an attempt at all; without one, the ledger does not count any.
        turn: how long from now the recipient's destination is free for it, where it is not now.
        peer: who answered, or None.
    """

    recipient: str
    verdict: Verdict
    reply: str
    smtp_status: int | None = None
    enhanced_status: str | None = None
    in_doubt: bool = False
    offered: bool = True
    turn: timedelta | None = None
    peer: Peer | None = None


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """A recipient this relay may send to now, and what its earlier attempts left.

    Attributes:
        recipient: as the ledger names it.
        number: 1 for the first attempt.
        attempt_id: tells this attempt from one that another relay opens later; shared by all recipients of
            the mail that it was opened for.
        last_status: basic code of the last reply, or None.
        last_reply: the last reply or local reason, or None.
        last_mta: who gave it, or None.
        resumed: the attempt before had no result when its lease ended: it is in doubt.
        expired: the mail's time is over, and no operator has let this recipient go since.
        turn_in: when its destination's rate has a turn for it, counted from now; or None.
    """

    recipient: str
    number: int
    attempt_id: UUID = field(default_factory=uuid4)
    last_status: int | None = None
    last_reply: str | None = None
    last_mta: str | None = None
    resumed: bool = False
    expired: bool = False
    turn_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """What the ledger says to a relay that wants to send a mail.

    Attributes:
        attempts: the recipients to send to.
        finished: how many recipients were served or given up before.
        held: recipients in doubt that only an operator may have sent to again.
        newly_held: those of them that this relay found left by a dead one.
        elsewhere: how many another relay is sending to now.
        elsewhere_for: what is left of that relay's lease, or None.
        time_left: until the mail expires.
    """

    attempts: tuple[OpenAttempt, ...] = field(default=())
    finished: int = 0
    held: tuple[str, ...] = ()
    newly_held: tuple[str, ...] = ()
    elsewhere: int = 0
    elsewhere_for: timedelta | None = None
    time_left: timedelta = timedelta(0)


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


def not_offered(recipient: str, reason: str, turn: timedelta | None = None) -> RecipientResult:
    """Leave a recipient to later without an attempt, because neither it nor the mail is at fault."""
    return RecipientResult(recipient, Verdict.DEFERRED, reason, offered=False, turn=turn)


def held_if_in_doubt(result: RecipientResult) -> RecipientResult:
    """Keep a recipient in doubt from being sent to again: what `relay.in_doubt = "hold"` asks for."""
    return replace(result, verdict=Verdict.HELD) if result.in_doubt else result


def refused_as_malformed(recipient: str, reason: str) -> RecipientResult:
    """Give a recipient up that no server may see."""
    return RecipientResult(recipient, Verdict.FAILED, reason, 553, "5.1.3")


def refused_for_server(recipient: str, obstacle: Obstacle, peer: Peer) -> RecipientResult:
    """Give a recipient up because the server can't take this mail, by what it said of itself."""
    return RecipientResult(
        recipient,
        Verdict.FAILED,
        obstacle.reason,
        obstacle.smtp_status,
        obstacle.enhanced_status,
        peer=peer,
    )


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
    final = (Verdict.DELIVERED, Verdict.FAILED)
    return not begun.elsewhere and not begun.held and all(result.verdict in final for result in results)


def reason_to_retry(results: Sequence[RecipientResult]) -> str | None:
    """Say why the mail must come back, or None."""
    deferred = [result for result in results if result.verdict is Verdict.DEFERRED]
    return f"{len(deferred)} deferred; {deferred[0].recipient}: {deferred[0].reply}" if deferred else None


def reason_to_park(begun: Begun, results: Sequence[RecipientResult]) -> str | None:
    """Say why only an operator can decide what becomes of the mail, or None."""
    held = [*begun.held, *(result.recipient for result in results if result.verdict is Verdict.HELD)]
    if not held:
        return None
    return (
        f"{len(held)} held: nobody knows whether the mail server took the mail for {held[0]}"
        f"{' and others' if len(held) > 1 else ''}; replay to send it again with the same Message-ID, or"
        " discard to leave it at that"
    )


def outcome(result: RecipientResult, mail_from: str) -> str:
    """Name a result for the counter `mailroom_mail_deliveries_total`."""
    if not result.offered:
        return "not-offered"
    if result.in_doubt:
        return "in-doubt"
    if result.verdict is Verdict.FAILED and mail_from == "":
        return "double-bounce"
    return result.verdict.value


def event(result: RecipientResult) -> str | None:
    """Name a result for other systems (contracts 4), or None when there was no attempt to tell of."""
    if not result.offered:
        return None
    return {
        Verdict.DELIVERED: "mail.delivered",
        Verdict.FAILED: "mail.failed",
        Verdict.DEFERRED: "mail.deferred",
        Verdict.HELD: "mail.deferred",
    }[result.verdict]
