"""The first part of an NDR: for a person, readable without the other parts (RFC 6522 section 3)."""

from collections.abc import Sequence

from services.ndr_worker import sanitise
from services.ndr_worker.bounce import FailedRecipient
from services.ndr_worker.fields import date_time, folded
from services.ndr_worker.reply import Outcome

#: Subject and detail of a status in plain words (RFC 3463 section 3, IANA's registry of status codes).
_CAUSES = {
    "1.1": "There is no such address.",
    "1.2": "There is no such domain.",
    "1.3": "The address is not written as the mail server wants it.",
    "1.6": "The address has moved.",
    "1.10": "The domain does not accept mail.",
    "2.1": "The mailbox is disabled.",
    "2.2": "The mailbox is full.",
    "2.3": "The message is larger than the mailbox accepts.",
    "3.1": "The mail system has no room for the message.",
    "3.2": "The host does not accept mail.",
    "3.4": "The message is too large.",
    "4.1": "The mail server did not answer.",
    "4.2": "The connection to the mail server broke off.",
    "4.3": "The name servers of the domain could not be asked.",
    "4.4": "There is no route to the mail server.",
    "4.6": "The message went in a loop.",
    "4.7": "The message could not be delivered in the time allowed for it.",
    "6.7": "The mail server does not accept internationalised addresses.",
    "7.1": "The mail server's rules do not let the message in.",
}
_CLASS_CAUSES = {
    "4": "The message could not be delivered in the time allowed for it.",
    "5": "The mail server refused the message.",
}
_ADVICE = {
    "4": "A temporary failure lasted too long. You may send the message again later.",
    "5": "Sending the same message again will not help until the cause is removed.",
}


def default_opening(product_name: str, announce_mta: str) -> str:
    """The opening when the settings have no wording of their own."""
    return f"This is the {product_name} mailserver at {announce_mta}.\r\nYour message could not be delivered."


def closing(help_address: str) -> str:
    """The end of every first part: that we stop here, and whom to ask."""
    return (
        f"No further attempt will be made. If you need help, quote this notification to\r\n{help_address}\r\n"
    )


def explanation(
    opening: str,
    closing: str,
    recipients: Sequence[tuple[FailedRecipient, Outcome]],
    about_original: str,
    *,
    confidential: bool,
) -> str:
    """The text of the first part.

    Args:
        opening: Safe lines joined by CRLF: who writes, and about what.
        closing: The same for the end.
        recipients: Each reported recipient with its outcome.
        about_original: What of the original is returned.
        confidential: Whether to leave out the names of remote servers.

    Returns:
        Lines joined by CRLF; untrusted text stands indented, so none of it can pass for our words.
    """
    lines = [opening, "", "Not delivered to:", ""]
    for recipient, outcome in recipients:
        _describe(lines, recipient, outcome, confidential=confidential)
    classes = {outcome.status[0] for _, outcome in recipients}
    lines += [_ADVICE[status_class] for status_class in sorted(classes, reverse=True)]
    lines += [about_original, closing]
    return "\r\n".join(lines)


def _describe(lines: list[str], recipient: FailedRecipient, outcome: Outcome, *, confidential: bool) -> None:
    """Add who was not reached and why."""
    status = outcome.status
    lines.append(folded(f"  {sanitise.printable(recipient.recipient)}", indent="  "))
    lines.append(f"    {_CAUSES.get(status[2:]) or _CLASS_CAUSES[status[0]]} ({status})")
    if recipient.attempts > 1 and recipient.last_attempt_at:
        lines.append(
            f"    {recipient.attempts} attempts, the last on {date_time(recipient.last_attempt_at)}."
        )
    if outcome.from_server:
        name = recipient.remote_mta or recipient.remote_ip
        named = f" {sanitise.host(name)}" if name and not confidential else ""
        lines.append(f"    The mail server{named} said:")
    lines += [folded(f"    {line}", indent="      ") for line in outcome.lines]
    lines.append("")
