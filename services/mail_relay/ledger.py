"""The delivery ledger: one row per mail and envelope recipient, written before and after each attempt.

Every statement commits by itself, so that an attempt costs two round trips and no transaction stays open
while a mail server thinks.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
import structlog
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from services.mail_relay.attempt import Begun, OpenAttempt, RecipientResult
from services.mail_relay.reply import Verdict
from shared.database.statements import load_statements
from shared.wire import Mail

_log = structlog.get_logger()
_STATEMENTS = load_statements("services.mail_relay", "ledger.sql")

#: Seconds for which the ledger is tried to be reached; a result that is lost has its mail sent again.
_PATIENCE = 60
#: Seconds a health or metrics page waits for the database.
_CHECK_TIMEOUT = 5


def open_ledger_pool(url: str, *, size: int) -> ConnectionPool:
    """Open connections for a `Ledger`: each statement commits by itself, none is checked before use.

    A check would cost a round trip per statement; the ledger repeats what fails for a cut connection instead.

    Args:
        url: where to.
        size: the most connections.
    """
    return ConnectionPool(
        url,
        min_size=1,
        max_size=size,
        kwargs={"application_name": "mail_relay", "autocommit": True, "connect_timeout": 10},
        timeout=30,
        reconnect_timeout=10,
        name="mail_relay",
        open=True,
    )


class Ledger:
    """What became of every mail; may be used from any thread.

    Args:
        pool: connections of `open_ledger_pool`.
        lease: how long an attempt belongs to the relay that began it, by PostgreSQL's clock.
    """

    def __init__(self, pool: ConnectionPool, lease: timedelta) -> None:
        self._pool = pool
        self._lease = lease

    def begin(self, mail: Mail, recipients: Sequence[str]) -> Begun:
        """Open an attempt for every recipient that needs one and that no other relay is sending to.

        Args:
            mail: what is to be sent.
            recipients: its recipients as the ledger names them, each once.
        """
        rows = self._execute(
            _STATEMENTS["begin"],
            {
                "mail_id": mail.mail_id,
                "kind": mail.kind,
                "mail_from": mail.mail_from,
                "recipients": list(recipients),
                "lease": self._lease,
                "expires_at": mail.expires_at,
            },
        )
        attempts = tuple(
            OpenAttempt(
                recipient, number, last_status, last_reply, last_mta, resumed=found_state == "attempting"
            )
            for recipient, number, found_state, last_status, last_reply, last_mta, _ in rows
            if number is not None
        )
        finished = sum(row[2] in ("delivered", "failed") for row in rows)
        return Begun(attempts, finished, len(rows) - len(attempts) - finished, expired=rows[0][-1])

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
        numbers = {attempt.recipient: attempt.number for attempt in attempts}
        bounces = mail.mail_from != "" and any(result.verdict is Verdict.FAILED for result in results)
        recorded = self._execute(
            _STATEMENTS["record"],
            {
                "mail_id": mail.mail_id,
                "mail_from": mail.mail_from,
                "created_at": mail.created_at,
                "smtputf8": mail.smtputf8,
                "content": message if bounces else None,
                **_columns(numbers, results),
            },
        )
        if len(recorded) < len(results):
            _log.warning(
                "an attempt took longer than its lease, another relay has begun a later one",
                action="lease-lost",
                mail_id=mail.mail_id,
                recipients=sorted(set(numbers) - {recipient for (recipient,) in recorded}),
            )

    def load_body(self, mail_id: str) -> bytes | None:
        """Return the message kept under this id, or None."""
        rows = self._execute(_STATEMENTS["load_body"], {"mail_id": mail_id}, binary=True)
        return bytes(rows[0][0]) if rows else None

    def forget_body(self, mail_id: str, body_id: str) -> None:
        """Delete a mail's message, unless a recipient still waits for it."""
        self._execute(_STATEMENTS["forget_body"], {"mail_id": mail_id, "body_id": body_id})

    def count_in_doubt(self) -> float:
        """Count the deliveries nobody knows the result of; NaN while the database does not answer."""
        try:
            with self._pool.connection(timeout=_CHECK_TIMEOUT) as connection:
                ((count,),) = connection.execute(_STATEMENTS["count_in_doubt"]).fetchall()
        except psycopg.OperationalError:
            return float("nan")
        return float(count)

    def trouble(self) -> str | None:
        """Say why the database cannot be used now, or None."""
        try:
            with self._pool.connection(timeout=_CHECK_TIMEOUT) as connection:
                self._pool.check_connection(connection)
                return None
        except psycopg.OperationalError as error:
            return f"the database does not answer ({str(error).strip()})"

    def _execute(
        self, statement: LiteralString, values: Mapping[str, Any], *, binary: bool = False
    ) -> list[TupleRow]:
        try:
            return self._execute_once(statement, values, binary=binary)
        except psycopg.OperationalError:
            return self._insist(statement, values, binary=binary)

    @retry(
        retry=retry_if_exception_type(psycopg.OperationalError),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        stop=stop_after_delay(_PATIENCE),
        reraise=True,
    )
    def _insist(self, statement: LiteralString, values: Mapping[str, Any], *, binary: bool) -> list[TupleRow]:
        """Execute again, through a restart of PostgreSQL.

        A `begin` whose commit was cut off finds its own lease then, and waits for its end like any other.
        """
        self._pool.check()
        return self._execute_once(statement, values, binary=binary)

    def _execute_once(
        self, statement: LiteralString, values: Mapping[str, Any], *, binary: bool
    ) -> list[TupleRow]:
        with self._pool.connection() as connection:
            return connection.execute(statement, values, binary=binary).fetchall()


def _columns(numbers: Mapping[str, int], results: Sequence[RecipientResult]) -> dict[str, list[Any]]:
    """Results as the arrays that `unnest` takes."""
    return {
        "recipients": [result.recipient for result in results],
        "numbers": [numbers[result.recipient] for result in results],
        "states": [result.verdict.value for result in results],
        "in_doubt": [int(result.in_doubt) for result in results],
        "smtp_statuses": [result.smtp_status for result in results],
        "enhanced_statuses": [result.enhanced_status for result in results],
        "replies": [result.reply for result in results],
        "remote_mtas": [result.peer.name if result.peer else None for result in results],
        "remote_ips": [result.peer.ip if result.peer else None for result in results],
    }
