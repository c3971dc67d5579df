"""Limits of destinations, shared by all relays through PostgreSQL.

Without limits nothing here costs anything. A recipient that is not admitted has had no attempt.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from uuid import UUID

from psycopg_pool import ConnectionPool

from services.mail_relay.attempt import OpenAttempt, RecipientResult, not_offered
from services.mail_relay.database import Database
from shared.database.statements import load_statements
from shared.settings.relay import DestinationLimit
from shared.wire import Mail

_STATEMENTS = load_statements("services.mail_relay", "limits.sql")

#: The key of the limit for every domain that has none of its own.
EVERY_OTHER = "*"
#: How early a turn may be taken, which is about the shortest wait there is; and how late.
_EARLY, _LATE = timedelta(seconds=10), timedelta(minutes=5)
#: The least and the most that a mail waits for a place at its destination.
_SHORTEST, _LONGEST = timedelta(seconds=5), timedelta(minutes=5)


def domain_of(recipient: str) -> str:
    """Return a recipient's domain in lower case; empty for one without."""
    return recipient.rpartition("@")[2].lower() if "@" in recipient else ""


def may_go(turn_in: timedelta | None) -> bool:
    """Whether a turn has come; one that was let pass by is lost."""
    return turn_in is not None and -_LATE <= turn_in <= _EARLY


def wait_for_place(age: timedelta, chance: float) -> timedelta:
    """Return how long a mail of this age waits before it asks for a place again; `chance` 0 to 1.

    The older, the longer, so that a long queue for a slow destination does not ask all the time.
    """
    return min(max(age / 2, _SHORTEST), _LONGEST) * (1 + chance)


@dataclass(slots=True)
class Admission:
    """Which recipients of a mail may be sent to now.

    Attributes:
        admitted: those that may.
        postponed: the results of those that may not.
    """

    admitted: list[OpenAttempt] = field(default_factory=list)
    postponed: list[RecipientResult] = field(default_factory=list)

    def postpone(self, attempts: Sequence[OpenAttempt], reason: str, turns: Sequence[timedelta]) -> None:
        """Leave recipients to later, each with its own turn."""
        self.postponed += [
            not_offered(opened.recipient, reason, turn) for opened, turn in zip(attempts, turns, strict=True)
        ]


class Limits:
    """The limits there are; may be used from any thread.

    Args:
        pool: of `services.mail_relay.database.open_pool`.
        limits: by domain in lower case, or `*`.
        lease: how long a place belongs to a mail unless it is renewed together with the mail's attempts.
    """

    def __init__(
        self, pool: ConnectionPool, limits: Mapping[str, DestinationLimit], lease: timedelta
    ) -> None:
        self._database = Database(pool)
        self._limits = limits
        self._lease = lease

    @contextmanager
    def admission(self, mail: Mail, attempts: Sequence[OpenAttempt], age: timedelta) -> Iterator[Admission]:
        """Admit what the limits allow; the places taken are given back at the end.

        Args:
            mail: what is to be sent.
            attempts: to whom, all opened together.
            age: of the mail.
        """
        admission = Admission()
        if not self._limits:
            admission.admitted.extend(attempts)
            yield admission
            return
        by_domain = groupby(
            sorted(attempts, key=lambda opened: domain_of(opened.recipient)),
            key=lambda opened: domain_of(opened.recipient),
        )
        taken = [self._admit(admission, mail, domain, list(group), age) for domain, group in by_domain]
        try:
            yield admission
        finally:
            if any(taken):
                self._database.execute(_STATEMENTS["free_places"], {"attempt_id": attempts[0].attempt_id})

    def forget_idle(self) -> None:
        """Delete what is kept of destinations that have had no mail for a while."""
        if self._limits:
            self._database.execute_once(_STATEMENTS["forget_idle"], {})

    def _admit(
        self, admission: Admission, mail: Mail, domain: str, attempts: list[OpenAttempt], age: timedelta
    ) -> bool:
        """Sort the recipients of one domain; tells whether a place was taken."""
        limit = self._limits.get(domain) or self._limits.get(EVERY_OTHER) or DestinationLimit()
        if limit.per_minute is not None:
            attempts = self._await_turns(admission, mail, domain, attempts, limit.per_minute)
        if limit.concurrency is None or not attempts:
            admission.admitted += attempts
            return False
        if self._take_place(domain, limit.concurrency, attempts[0].attempt_id):
            admission.admitted += attempts
            return True
        wait = wait_for_place(age, random.random())  # noqa: S311 - spreads load, guards nothing
        reason = f"{domain} has as many mails on their way as relay.limits allows"
        admission.postpone(attempts, reason, [wait] * len(attempts))
        return False

    def _await_turns(
        self, admission: Admission, mail: Mail, domain: str, attempts: list[OpenAttempt], per_minute: int
    ) -> list[OpenAttempt]:
        """Return those whose turn has come; the others get one and are postponed until then."""
        ready = [opened for opened in attempts if may_go(opened.turn_in)]
        others = [opened for opened in attempts if not may_go(opened.turn_in)]
        interval = timedelta(minutes=1) / per_minute
        first = self._reserve_turns(domain, len(others), interval, mail) if others else timedelta(0)
        turns = [first + place * interval for place in range(len(others))]
        count = sum(map(may_go, turns))
        reason = f"{domain} gets no more recipients a minute than relay.limits allows"
        admission.postpone(others[count:], reason, turns[count:])
        return ready + others[:count]

    def _reserve_turns(self, domain: str, turns: int, interval: timedelta, mail: Mail) -> timedelta:
        rows = self._database.execute(
            _STATEMENTS["reserve_turns"],
            {"domain": domain, "turns": turns, "interval": interval, "expires_at": mail.expires_at},
        )
        return rows[0]["turn_in"] if rows else mail.expires_at - mail.created_at

    def _take_place(self, domain: str, concurrency: int, attempt_id: UUID) -> bool:
        values = {
            "domain": domain,
            "concurrency": concurrency,
            "attempt_id": attempt_id,
            "lease": self._lease,
        }
        if self._database.execute(_STATEMENTS["take_place"], values):
            return True
        # places are added when they are first needed; all being locked is worth a second look, too
        self._database.execute(_STATEMENTS["add_places"], values)
        return bool(self._database.execute(_STATEMENTS["take_place"], values))
