"""The delivery ledger: one row per mail and envelope recipient, written before and after each attempt.

Every statement commits by itself, so that no transaction stays open while a mail server thinks. Attempts of
many threads are opened, and closed, with one statement and one commit (see `gathering`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID, uuid4

import psycopg
import structlog
from psycopg_pool import ConnectionPool

from services.mail_relay.attempt import Begun, OpenAttempt, RecipientResult
from services.mail_relay.database import Database
from services.mail_relay.gathering import Gatherer
from services.mail_relay.reply import Verdict
from shared.database.statements import load_statements
from shared.wire import Mail

_log = structlog.get_logger()
_STATEMENTS = load_statements("services.mail_relay", "ledger.sql")


@dataclass(frozen=True, slots=True)
class _Opening:
    """What `begin` was asked for."""

    mail: Mail
    recipients: Sequence[str]
    attempt_id: UUID

    @property
    def mail_id(self) -> str:
        return self.mail.mail_id


@dataclass(frozen=True, slots=True)
class _Closing:
    """What `record` was asked for; `content` goes to the bounce queue with the recipients that failed."""

    mail: Mail
    attempts: Mapping[str, OpenAttempt]
    results: Sequence[RecipientResult]
    content: bytes | None

    @property
    def mail_id(self) -> str:
        return self.mail.mail_id


class Ledger:
    """What became of every mail; may be used from any thread.

    Args:
        pool: connections of `open_pool`.
        lease: how long an attempt belongs to the relay that opened or renewed it, by PostgreSQL's clock.
        hold: whether an attempt whose relay died is held, rather than made again.
    """

    def __init__(self, pool: ConnectionPool, lease: timedelta, *, hold: bool = False) -> None:
        self._database = Database(pool)
        self.lease = lease
        self.hold = hold
        self._openings: Gatherer[_Opening, Begun] = Gatherer(
            self._open, attrgetter("mail_id"), shared_trouble=psycopg.OperationalError
        )
        self._closings: Gatherer[_Closing, set[str]] = Gatherer(
            self._close, attrgetter("mail_id"), shared_trouble=psycopg.OperationalError
        )

    def begin(self, mail: Mail, recipients: Sequence[str]) -> Begun:
        """Open an attempt for every recipient that needs one and that no other relay is sending to.

        Args:
            mail: what is to be sent.
            recipients: its recipients as the ledger names them, each once.
        """
        return self._openings.ask(_Opening(mail, recipients, uuid4()))

    def record(
        self,
        mail: Mail,
        attempts: Sequence[OpenAttempt],
        results: Sequence[RecipientResult],
        message: bytes,
    ) -> None:
        """Close attempts with their results; recipients that failed go to the bounce queue with the message.

        A mail from the null reverse-path is never bounced (RFC 5321 section 6.1). May be repeated: an
        attempt is closed once.
        """
        opened = {attempt.recipient: attempt for attempt in attempts}
        bounces = mail.mail_from != "" and any(result.verdict is Verdict.FAILED for result in results)
        recorded = self._closings.ask(_Closing(mail, opened, results, message if bounces else None))
        if len(recorded) < len(results):
            _log.warning(
                "an attempt took longer than its lease, another relay has begun a later one",
                action="lease-lost",
                mail_id=mail.mail_id,
                recipients=sorted(set(opened) - recorded),
            )

    def renew(self, attempts: Mapping[UUID, str]) -> set[UUID]:
        """Lease attempts for as long again, and say which of them are still this relay's.

        Args:
            attempts: the mail of each attempt.

        Raises:
            psycopg.OperationalError: the database does not answer; asked once only.
        """
        rows = self._database.execute_once(
            _STATEMENTS["renew"],
            {"attempt_ids": list(attempts), "mail_ids": list(attempts.values()), "lease": self.lease},
        )
        return {row["attempt_id"] for row in rows}

    def load_body(self, mail_id: str) -> bytes | None:
        """Return the message kept under this id, or None."""
        rows = self._database.execute(_STATEMENTS["load_body"], {"mail_id": mail_id}, binary=True)
        return bytes(rows[0]["content"]) if rows else None

    def forget_body(self, mail_id: str, body_id: str) -> None:
        """Delete a mail's message, unless a recipient still waits for it."""
        self._database.execute(_STATEMENTS["forget_body"], {"mail_id": mail_id, "body_id": body_id})

    def count_in_doubt(self) -> float:
        """Count the deliveries nobody knows the result of; NaN while the database does not answer."""
        try:
            (row,) = self._database.execute_quickly(_STATEMENTS["count_in_doubt"])
        except psycopg.OperationalError:
            return float("nan")
        return float(row["in_doubt"])

    def _open(self, openings: Sequence[_Opening]) -> list[Begun]:
        asked = [
            {
                "mail_id": opening.mail_id,
                "recipient": recipient,
                "kind": opening.mail.kind,
                "mail_from": opening.mail.mail_from,
                "attempt_id": str(opening.attempt_id),
                "expires_at": opening.mail.expires_at.isoformat(),
            }
            for opening in openings
            for recipient in opening.recipients
        ]
        rows = self._database.execute(
            _STATEMENTS["begin"],
            {
                "asked": json.dumps(asked),
                "lease": self.lease,
                "hold": self.hold,
            },
        )
        by_mail: dict[str, list[dict[str, Any]]] = {opening.mail_id: [] for opening in openings}
        for row in rows:
            by_mail[row["mail_id"]].append(row)
        return [_begun(opening.attempt_id, by_mail[opening.mail_id], self.lease) for opening in openings]

    def _close(self, closings: Sequence[_Closing]) -> list[set[str]]:
        bounced = [closing for closing in closings if closing.content is not None]
        rows = self._database.execute(
            _STATEMENTS["record"],
            {
                "results": json.dumps([row for closing in closings for row in _rows(closing)]),
                "bounced_ids": [closing.mail_id for closing in bounced],
                "senders": [closing.mail.mail_from for closing in bounced],
                "created": [closing.mail.created_at for closing in bounced],
                "smtputf8": [closing.mail.smtputf8 for closing in bounced],
                "contents": [closing.content for closing in bounced],
            },
        )
        recorded: dict[str, set[str]] = {closing.mail_id: set() for closing in closings}
        for row in rows:
            recorded[row["mail_id"]].add(row["recipient"])
        return [recorded[closing.mail_id] for closing in closings]


def _begun(attempt_id: UUID, rows: Sequence[Mapping[str, Any]], lease: timedelta) -> Begun:
    """What the rows of one mail say."""
    attempts = tuple(_open_attempt(attempt_id, row) for row in rows if row["taken"] == "attempting")
    newly_held = [row["recipient"] for row in rows if row["taken"] == "held"]
    left_alone = [row for row in rows if row["taken"] is None]
    elsewhere = [row for row in left_alone if row["found"] in ("attempting", "deferred", None)]
    return Begun(
        attempts=attempts,
        finished=sum(row["found"] in ("delivered", "failed") for row in left_alone),
        newly_held=tuple(newly_held),
        held=(*newly_held, *(row["recipient"] for row in left_alone if row["found"] == "held")),
        elsewhere=len(elsewhere),
        elsewhere_for=min((row["lease_left"] or lease for row in elsewhere), default=None),
        time_left=rows[0]["time_left"],
    )


def _open_attempt(attempt_id: UUID, row: Mapping[str, Any]) -> OpenAttempt:
    return OpenAttempt(
        recipient=row["recipient"],
        number=row["number"],
        attempt_id=attempt_id,
        last_status=row["last_status"],
        last_reply=row["last_reply"],
        last_mta=row["last_mta"],
        resumed=row["found"] == "attempting" and not row["repeated"],
        expired=row["expired"],
        turn_in=row["turn_in"],
    )


def _rows(closing: _Closing) -> Iterator[dict[str, str | int | float | None]]:
    """One mail's results as the rows that `record` reads."""
    for result in closing.results:
        peer = result.peer
        yield {
            "mail_id": closing.mail_id,
            "recipient": result.recipient,
            "attempt_id": str(closing.attempts[result.recipient].attempt_id),
            "state": result.verdict.value,
            "offered": result.offered,
            "in_doubt": int(result.in_doubt),
            "turn": result.turn.total_seconds() if result.turn is not None else None,
            "smtp_status": result.smtp_status,
            "enhanced_status": result.enhanced_status,
            "reply": result.reply,
            "remote_mta": peer.name if peer else None,
            "remote_ip": peer.ip if peer else None,
        }
