"""Finding what an operator names; a name that is not there is answered with the nearest that is."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from shared.errors import MailroomError

_T = TypeVar("_T")


class NameUnknown(MailroomError):
    """There is nothing of this name."""


def look_up(kind: str, name: str, known: Mapping[str, _T]) -> _T:
    """Return what is known under `name`.

    Args:
        kind: what it is, for the message: `schedule`.
        name: as typed.
        known: everything of this kind.

    Raises:
        NameUnknown: there is nothing of this name; the message has the nearest one.
    """
    if name in known:
        return known[name]
    near = nearest(name, known)
    hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(sorted(known)) or 'none'}"
    raise NameUnknown(f"there is no {kind} {name!r:.200}; {hint}")


def nearest(name: str, known: Iterable[str], likeness: float = 0.5) -> str | None:
    """Return the known name that is most like `name`, in any case; None when none is like it.

    Args:
        name: as typed.
        known: what there is.
        likeness: 0 to 1; ids that mean nothing need more of it than names.
    """
    by_folded = {other.casefold(): other for other in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=likeness)
    return by_folded[close[0]] if close else None
