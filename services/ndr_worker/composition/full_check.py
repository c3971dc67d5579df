"""A full look at a composed DSN through other people's eyes: the `email` package and flufl.bounce.

Some hundred times dearer than `verify`, so it is meant for a sample of what goes out.
"""

import re
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import Message

from services.ndr_worker.composition import address
from services.ndr_worker.composition.verify import defects
from shared.errors import MailroomError

_GLOBAL = b"\r\nContent-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n"
_CLASSIC = b"\r\nContent-Type: message/delivery-status\r\n"
# What flufl.bounce can represent: it reads an address as a parameter list and cuts it at these.
_PLAIN = re.compile(r"rfc822; ([A-Za-z0-9!#$&*+\-/?^_`{|}~.%]+@[A-Za-z0-9.-]+)")
_REPORTED_AS_BOUNCE = ("failed", "delayed")


class VerifierMissing(MailroomError):
    """The full check is asked for, but flufl.bounce is not installed."""


def full_check(message: bytes, recipients: Sequence[str]) -> str | None:
    """Parse a DSN in full.

    Args:
        message: The DSN.
        recipients: The envelope recipients it must report, in order.

    Returns:
        What is wrong, or None.

    Raises:
        VerifierMissing: flufl.bounce is not installed.
    """
    trouble = defects(message, len(recipients))
    if trouble:
        return trouble
    # The `email` package reads the blocks of the classic type only.
    report = message_from_bytes(message.replace(_GLOBAL, _CLASSIC, 1), policy=policy.compat32)
    parts = report.get_payload()
    if report.defects or not isinstance(parts, list):
        return f"the email package finds defects: {report.defects}"
    for part in parts[:2]:
        if isinstance(part, Message) and part.defects:
            return f"the email package finds defects in {part.get_content_type()}: {part.defects}"
    blocks = _recipient_blocks(parts[1])
    found = [_shown(block, "Final-Recipient") for block in blocks]
    raw = _GLOBAL in message
    expected = [(address.typed_raw if raw else address.typed)(recipient) for recipient in recipients]
    if found != expected:
        return f"it reports {found}, not {expected}"
    return _flufl_trouble(report, blocks)


def _recipient_blocks(part: object) -> list[Message]:
    blocks = part.get_payload() if isinstance(part, Message) else None
    return [block for block in blocks[1:] if isinstance(block, Message)] if isinstance(blocks, list) else []


def _shown(block: Message, name: str) -> str:
    # Raw octets stand in it as surrogates; `get` would make question marks of them.
    value = next((str(value) for field, value in block.raw_items() if field == name), "")
    return value.encode("utf-8", "surrogateescape").decode()


def _flufl_trouble(report: Message, blocks: Sequence[Message]) -> str | None:
    """Whether flufl.bounce sees other recipients than those shown; it prefers Original-Recipient."""
    try:
        from flufl.bounce import all_failures  # noqa: PLC0415 - optional: only a sampled check needs it
    except ImportError as error:
        raise VerifierMissing(
            "ndr.full_check needs flufl.bounce; install mailroom[verify], or set full_check to 0"
        ) from error
    shown = [_plain(block) for block in blocks if block["Action"] in _REPORTED_AS_BOUNCE]
    expected = {each for each in shown if each}
    if not expected:
        # It knows neither successes nor such addresses; then it would go on to guess from the returned
        # original, whose charset names alone can make it fail.
        return None
    temporary, permanent = all_failures(report)
    seen = {found.decode() for found in temporary | permanent}
    if expected - seen or (None not in shown and seen - expected):
        return f"flufl.bounce sees {sorted(seen)}, not {sorted(expected)}"
    return None


def _plain(block: Message) -> str | None:
    """The address flufl.bounce must find in a block, or None where it can't represent it."""
    name = "Original-Recipient" if "Original-Recipient" in block else "Final-Recipient"
    plain = _PLAIN.fullmatch(_shown(block, name))
    return plain[1] if plain else None
