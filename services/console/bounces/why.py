"""Why somebody did or did not get an NDR, in sentences."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.console.bounces.history import Audited, History, MailDelivery, Quarantined, Queued

_LONGEST_QUOTE = 200
_DISCARDS = {
    "discarded-null-sender": "the message had no sender (null reverse-path), so there is nobody to tell, "
    "and telling would start a loop (RFC 5321 6.1)",
    "discarded-notify": "the sender asked with NOTIFY not to be told of failures (RFC 3461 4.1)",
    "discarded-disabled": "generate_ndr was N: bounced messages are discarded without a report",
    "discarded-own-address": "the sender is an address NDRs come from; reporting to ourselves would loop",
    "discarded-loop": "the message had gone through as many hops as hop_limit allows, which means a loop",
    "discarded-by-operator": "an operator discarded it",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One reason, with what it is about.

    Attributes:
        at: when it came to be so.
        text: a sentence or two.
        mail_id: of the notification it tells of, or None.
        entry_ids: entries it tells of.
    """

    at: datetime
    text: str
    mail_id: str | None
    entry_ids: tuple[int, ...]


def explain(history: History, *, sink: bool = False) -> list[Answer]:
    """Explain what is known of an address, the latest first; nothing known, nothing explained.

    Args:
        history: what is known.
        sink: whether the settings send NDRs to nobody now (`ndr_recip_redirect` is a dot).
    """
    deliveries: Mapping[str, list[MailDelivery]] = defaultdict(list)
    for delivery in history.deliveries:
        deliveries[delivery.mail_id].append(delivery)
    answers = [
        *(_audited(group, deliveries, sink=sink) for group in _by_notification(history.audited)),
        *map(_queued, history.queued),
        *map(_quarantined, history.quarantined),
    ]
    return sorted(answers, key=lambda answer: answer.at, reverse=True)


def _by_notification(audited: Iterable[Audited]) -> Iterator[Sequence[Audited]]:
    """Entries that one mail told of, together; each other entry alone."""

    def key(entry: Audited) -> tuple[str, str]:
        return entry.mail_id or f"entry {entry.entry_id}", entry.action

    for _, group in itertools.groupby(sorted(audited, key=key), key):
        yield sorted(group, key=lambda entry: entry.entry_id)


def _audited(
    group: Sequence[Audited], deliveries: Mapping[str, Sequence[MailDelivery]], *, sink: bool
) -> Answer:
    first = group[0]
    mail_id = first.mail_id
    ledger = _ledger(deliveries.get(mail_id, ()) if mail_id else (), sink=sink)
    about = _names(entry.recipient for entry in group)
    match first.action:
        case "reported":
            text = (
                f"NDR {mail_id} told {first.sender} that the message did not reach {about}"
                f"{_because(first.diagnostic)}. {ledger}"
            )
        case "success-reported":
            text = f"{mail_id} told {first.sender} that the message was delivered to {about}. {ledger}"
        case "delay-reported":
            text = f"{mail_id} told {first.sender} that the message to {about} is late. {ledger}"
        case "held-for-digest":
            text = (
                f"no NDR of its own about {about}: {first.sender} had had as many as sender_budget allows. "
            )
            text += f"Digest {mail_id} tells of it. {ledger}" if mail_id and first.digested_at else _NO_DIGEST
        case "quarantined":
            text = f"no NDR about {about}: the entry was put in quarantine."
        case action if action in _DISCARDS:
            text = f"no NDR about {about}: {_DISCARDS[action]}."
        case action:
            text = f"the entry of {about} ended as {action}."
    return Answer(max(entry.at for entry in group), text, mail_id, tuple(entry.entry_id for entry in group))


_NO_DIGEST = "It waits for the next digest, which is made one sender_budget_period after the first one held."


def _ledger(deliveries: Sequence[MailDelivery], *, sink: bool) -> str:
    if deliveries:
        return " ".join(map(_delivery, deliveries))
    if sink:
        return "It is mailed to nobody: ndr_recip_redirect is the sink."
    return "The relay has not tried to deliver it yet."


def _delivery(delivery: MailDelivery) -> str:
    server = delivery.remote_mta or "the mail server"
    reply = f" ({_quote(delivery.reply)})" if delivery.reply else ""
    match delivery.state:
        case "delivered":
            return f"It was mailed to {delivery.recipient} and accepted by {server}{reply}."
        case "deferred":
            return (
                f"It has not reached {delivery.recipient} yet: attempt {delivery.attempts} was put off by "
                f"{server}{reply}; the relay tries again."
            )
        case "failed":
            return (
                f"It could not be delivered to {delivery.recipient}: {server} refused it for good{reply}. "
                "A notification that fails is not reported again."
            )
        case "held":
            return (
                f"Whether {delivery.recipient} got it is in doubt{reply}, and it is held: `mailroom parked "
                f"replay {delivery.mail_id}` sends it again, `mailroom parked discard` leaves it at that."
            )
        case _ if delivery.leased:
            return f"It is being delivered to {delivery.recipient} now."
        case _:
            return (
                f"Whether {delivery.recipient} got it is in doubt: the relay that tried it did not "
                "come back; it is tried again."
            )


def _queued(entry: Queued) -> Answer:
    about = entry.recipient
    match entry.status:
        case "bounced" if entry.leased:
            text = f"no NDR about {about} yet: a worker has the entry until {entry.leased_until:%H:%M:%S %Z}."
        case "bounced" if entry.ndr_id:
            text = f"no NDR about {about} yet: its worker did not finish; the next poll goes on with it."
        case "bounced":
            text = f"no NDR about {about} yet: the entry waits for the next poll."
        case "deferred":
            text = (
                f"no NDR about {about}: delivery is still being tried (attempts so far: {entry.attempts})"
                f"{_because(entry.diagnostic)}."
            )
        case "delivered":
            text = f"no NDR about {about}: the message was delivered."
        case _:
            text = f"no NDR about {about}: delivery has not been tried yet."
    if not entry.sender and entry.status == "bounced":
        text += " The message has no sender, so nobody will be told."
    return Answer(entry.at, text, f"ndr.{entry.ndr_id}" if entry.ndr_id else None, (entry.entry_id,))


def _quarantined(entry: Quarantined) -> Answer:
    text = (
        f"no NDR about {entry.recipient}: none could be made, the entry is in quarantine "
        f"({_quote(entry.reason)}). Remove the cause and run `mailroom bounces requeue {entry.entry_id}`, "
        f"or `mailroom bounces discard {entry.entry_id}`."
    )
    return Answer(entry.at, text, None, (entry.entry_id,))


def _names(recipients: Iterable[str]) -> str:
    *others, last = recipients
    return f"{', '.join(others)} and {last}" if others else last


def _because(diagnostic: str | None) -> str:
    return f" ({_quote(diagnostic)})" if diagnostic else ""


def _quote(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}…"
