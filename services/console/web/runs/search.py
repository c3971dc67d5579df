"""Finding runs by what an index knows of them."""

import re
from uuid import UUID

_HEX = re.compile(r"[0-9a-f]{8,32}")
_MAIL_ID = re.compile(r"(?:report|report-failure)\.(?=[0-9a-f]{8}-)")


def run_id_range(term: str) -> tuple[UUID, UUID] | None:
    """Return the first and the last run id that begin as somebody typed.

    Args:
        term: at least eight digits of the id, or the id of a run's mail.

    Returns:
        None when it is no beginning of an id.
    """
    digits = _MAIL_ID.sub("", term.lower()).replace("-", "")
    if not _HEX.fullmatch(digits):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def names_with(term: str, names: set[str]) -> set[str]:
    """Return the names that have all the words somebody typed, in any case and order; and what was typed."""
    words = term.casefold().split()
    return {name for name in names if all(word in name.casefold() for word in words)} | {term}
