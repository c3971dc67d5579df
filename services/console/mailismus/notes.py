"""What is to be said of something that is not the same after an import."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a note says of its subject."""

    LEFT_OUT = "left out"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is not the same after the import.

    Attributes:
        subject: the element or attribute, as a path below the file's block (`report/audit@delta`).
        verdict: whether it was left out, or works but not as it did.
        reason: why.
        advice: what to do about it.
    """

    subject: str
    verdict: Verdict
    reason: str
    advice: str
