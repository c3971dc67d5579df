"""Which bounced entries are reported to the sender (RFC 3461 section 5.2, RFC 5321 section 6)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from services.ndr_worker.bounce import Action, BouncedMessage, FailedRecipient
from services.ndr_worker.composition import address, original


class Discard(StrEnum):
    """Why an entry is dropped without a notification; the value is the action in the audit and in metrics."""

    NULL_SENDER = "discarded-null-sender"
    NOTIFY = "discarded-notify"
    DISABLED = "discarded-disabled"
    OWN_ADDRESS = "discarded-own-address"
    LOOP = "discarded-loop"


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """The settings the policy needs.

    Attributes:
        generate_ndr: Whether senders are told at all.
        own_addresses: NDR From, postmaster, double-bounce sender: mail from these never gets an NDR.
        hop_limit: Received fields from which on a message is taken for a loop.
    """

    generate_ndr: bool = True
    own_addresses: frozenset[str] = field(default_factory=frozenset)
    hop_limit: int = 100


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to each entry of one message; every entry is in exactly one of the three.

    Attributes:
        reported: Recipients the NDR names.
        discarded: Entries dropped, each with its action.
        quarantined: Entries put aside for an operator, each with its reason.
    """

    reported: tuple[FailedRecipient, ...] = ()
    discarded: tuple[tuple[FailedRecipient, Discard], ...] = ()
    quarantined: tuple[tuple[FailedRecipient, str], ...] = ()


#: The NOTIFY keyword a sender asks for each action with, and whether it is reported when NOTIFY is absent.
_KEYWORDS = {
    Action.FAILED: ("FAILURE", True),
    Action.DELAYED: ("DELAY", True),
    Action.DELIVERED: ("SUCCESS", False),
    Action.RELAYED: ("SUCCESS", False),
}


def decide(
    message: BouncedMessage,
    recipients: Sequence[FailedRecipient],
    settings: PolicySettings,
    about: Action = Action.FAILED,
) -> Decision:
    """Decide which entries of a message are reported.

    Args:
        message: The message.
        recipients: Its entries.
        settings: The policy.
        about: What there is to report of them.

    Returns:
        The decision; order of the entries is kept.
    """
    action = _whole_message(message, settings)
    if action is Discard.NULL_SENDER:
        return Decision(discarded=tuple((recipient, action) for recipient in recipients))
    declined = tuple((r, Discard.NOTIFY) for r in recipients if not _wants(about, r.notify))
    wanted = tuple(r for r in recipients if _wants(about, r.notify)) if declined else tuple(recipients)
    if isinstance(action, Discard):
        return Decision(discarded=declined + tuple((recipient, action) for recipient in wanted))
    if action:
        return Decision(discarded=declined, quarantined=tuple((recipient, action) for recipient in wanted))
    return Decision(reported=wanted, discarded=declined)


def _whole_message(message: BouncedMessage, settings: PolicySettings) -> Discard | str | None:
    """What keeps the whole message from being reported: an action, the reason for quarantine, or None."""
    if message.sender in ("", "<>"):
        return Discard.NULL_SENDER
    if not settings.generate_ndr:
        return Discard.DISABLED
    reason = address.malformed_sender(message.sender)
    if reason:
        return reason
    sender = address.untagged(address.without_source_route(message.sender))
    if any(sender == address.untagged(own) for own in settings.own_addresses):
        return Discard.OWN_ADDRESS
    return Discard.LOOP if _loops(message, settings.hop_limit) else None


def _wants(about: Action, notify: str | None) -> bool:
    """Whether NOTIFY asks for it (RFC 3461 section 5.2); NEVER wins over whatever stands beside it."""
    keyword, by_default = _KEYWORDS[about]
    if not notify:
        return by_default
    keywords = {word.strip() for word in notify.upper().split(",")}
    return keyword in keywords and "NEVER" not in keywords


def _loops(message: BouncedMessage, hop_limit: int) -> bool:
    content = message.content
    # An upper bound that costs nothing; the header is only read when it is exceeded.
    if content.lower().count(b"received") < hop_limit:
        return False
    return original.hops(content, complete=message.content_size <= len(content)) >= hop_limit
