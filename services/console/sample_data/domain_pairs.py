"""Domain pairs: whether mail from one domain reaches another, as seen from each site."""

from datetime import datetime, timedelta
from enum import Enum

from services.console.sample_data.randomness import stream
from services.console.sample_data.rows import DomainPair
from services.console.sample_data.topology import SILENT_SITE, SITES

_HOME = "phsa.ca"
_OTHERS = ("vch.ca", "fraserhealth.ca", "healthbc.org")
_DOMAINS = [
    (_HOME, _HOME),
    *((_HOME, other) for other in _OTHERS),
    *((other, _HOME) for other in _OTHERS),
]
_WINDOW = timedelta(hours=12)


class _State(Enum):
    PASS = "passed"  # noqa: S105 - a test result, not a password
    FAIL = "failed"
    STALE = "last verified before the reporting window"
    STALE_FAIL = "failed before the reporting window"
    NEVER = "never verified"
    DISABLED = "disabled while failing"
    EXPIRED = "taken out of the reports while failing"


_UNUSUAL = (
    [_State.FAIL] * 5
    + [_State.STALE] * 4
    + [_State.STALE_FAIL] * 2
    + [_State.NEVER] * 2
    + [_State.DISABLED] * 2
    + [_State.EXPIRED] * 2
)


def domain_pairs(seed: int, now: datetime) -> list[DomainPair]:
    """Pairs in every state, spread over the sites, and one pair that lost its site.

    Args:
        seed: of the repeatable randomness.
        now: the nominal time the states refer to.
    """
    random = stream(seed, "domain pairs")
    places: list[tuple[str | None, str, str]] = [
        (site.name, *domains) for site in SITES for domains in _DOMAINS
    ]
    places.append((None, _HOME, _HOME))
    states = _UNUSUAL + [_State.PASS] * (len(places) - len(_UNUSUAL))
    random.shuffle(states)
    return [
        DomainPair(
            *place,
            status="PASS" if state in {_State.PASS, _State.STALE, _State.NEVER} else "FAIL",
            last_verified=_last_verified(
                state, now, age=timedelta(seconds=random.randrange(60, 3600)), silent=place[0] == SILENT_SITE
            ),
            enabled=state is not _State.DISABLED,
            is_expired=state is _State.EXPIRED,
        )
        for place, state in zip(places, states, strict=True)
    ]


def _last_verified(state: _State, now: datetime, *, age: timedelta, silent: bool) -> datetime | None:
    if state is _State.NEVER:
        return None
    if silent or state in {_State.STALE, _State.STALE_FAIL}:
        return now - _WINDOW - 3 * age
    return now - age
