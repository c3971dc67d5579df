"""What is old: decided from settings, preferences and one moment, without looking at a row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from shared.settings import Settings
from shared.settings.values import parse_time_span, parse_yes_no

#: What the preferences say where a row is missing.
_EXPIRE_EVENTS, _DELETE_EXPIRED = timedelta(hours=36), True
_MONTHS_OF_A_YEAR = 12
#: Nothing is older, however long the age that is asked for; the calendar has an end.
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Expiry:
    """What operators have set about monitoring events.

    Attributes:
        after: age at which events expire, `exchange__expire_events`; 0: never.
        delete: whether expired events are removed, `exchange__delete_expired`.
    """

    after: timedelta = _EXPIRE_EVENTS
    delete: bool = _DELETE_EXPIRED

    @classmethod
    def read(cls, preferences: Mapping[str, str]) -> Self:
        """Read it from values by preference.

        Raises:
            ValueError: a value is malformed; nothing can be said about events then.
        """
        after, delete = preferences.get("expire_events"), preferences.get("delete_expired")
        return cls(
            _EXPIRE_EVENTS if after is None else parse_time_span(after),
            _DELETE_EXPIRED if delete is None else parse_yes_no(delete),
        )


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Before which moment rows are old.

    Attributes:
        rows: by table, those that have a row for each thing that was done; one that keeps all is not there.
        expired: events before it are in no report; None: all are.
        events: events before it are removed; None: none is.
    """

    rows: Mapping[str, datetime]
    expired: datetime | None
    events: datetime | None


def cutoffs(horizon: datetime, settings: Settings, expiry: Expiry | None) -> Cutoffs:
    """Decide what is old.

    A row that keeps work from being done twice stays for as long as that work could come again, whatever the
    settings say.

    Args:
        horizon: the moment ages are counted from.
        settings: how old rows get.
        expiry: what operators have set about events; None when it cannot be read, and no event is touched.
    """
    retention = settings.retention
    longest_life = max(settings.ndr.lifetime, settings.reports.lifetime)
    ages = {
        "bounce_audit": retention.audit,
        "mail_body": _at_least(longest_life, retention.bodies),
        "mail_delivery": _at_least(longest_life, retention.deliveries),
        "report_run": retention.runs,
        "firing": _at_least(settings.scheduler.catch_up_age, retention.firings),
    }
    expires_after = expiry.after if expiry else timedelta()
    removes = expires_after and expiry and expiry.delete and retention.events
    return Cutoffs(
        rows={table: _before(horizon, age) for table, age in ages.items() if age},
        expired=_before(horizon, expires_after) if expires_after else None,
        events=_before(horizon, max(retention.events, expires_after)) if removes else None,
    )


def _before(horizon: datetime, age: timedelta) -> datetime:
    return horizon - min(age, horizon - _BEGINNING)


def _at_least(bound: timedelta, age: timedelta) -> timedelta:
    return max(bound, age) if age else age


def next_horizon(now: datetime, last: datetime | None, interval: timedelta) -> datetime:
    """Say which moment the next round counts ages from.

    It is now, as a rule. But a clock that leaps ahead must not make everything old at once, so the horizon
    moves on by two intervals at most. After a long time without a round it catches up, at twice the pace of
    time.

    Args:
        now: by the clock of the database.
        last: the horizon of the round before; None: there was none.
        interval: between rounds.
    """
    return now if last is None else min(now, last + 2 * interval)


def old_months(months: Iterable[datetime], before: datetime) -> list[datetime]:
    """Return the months, each given as its first moment, that were over before a moment, the oldest first."""
    return sorted(month for month in months if next_month(month) <= before)


def next_month(month: datetime) -> datetime:
    """Return the first moment of the month (UTC) after the one that begins with `month`."""
    years, index = divmod(month.month, _MONTHS_OF_A_YEAR)
    return datetime(month.year + years, index + 1, 1, tzinfo=UTC)
