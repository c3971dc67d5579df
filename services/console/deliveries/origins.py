"""What a mail was made from: told from its id alone."""

import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

#: A UUID as people paste it.
UUID_FORM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: Each kind of mail has ids of its own, with the UUID of what it tells of; copies of NDRs have a tag more.
_MAIL_ID = re.compile(
    rf"(?P<kind>report|report-failure|ndr|double|digest)\.(?P<id>{UUID_FORM.pattern})"
    r"(?:\.[0-9a-f]{8})?"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a mail tells of: a report run, or the entries of an NDR."""

    kind: Literal["run", "ndr"]
    id: UUID


def origin_of(mail_id: str) -> Origin | None:
    """Return what a mail was made from; None for a digest, which tells of many NDRs, and for unknown ids."""
    match = _MAIL_ID.fullmatch(mail_id)
    if match is None or match["kind"] == "digest":
        return None
    return Origin("run" if match["kind"].startswith("report") else "ndr", UUID(match["id"]))


def ids_of(id_: UUID) -> tuple[str, ...]:
    """Return the ids that a mail about a run, an NDR or a digest can have; without copies."""
    return tuple(f"{kind}.{id_}" for kind in ("report", "report-failure", "ndr", "double", "digest"))
