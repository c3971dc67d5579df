"""Starting chains of bounce polls: when the last one's pause is over, or when it has gone silent."""

from datetime import timedelta

import structlog
from psycopg import Connection

from shared.broker import Outcome, Publishing, Topology
from shared.broker.sending import send
from shared.database.statements import load_statements
from shared.telemetry import tracing
from shared.wire import BouncesPoll

_SQL = load_statements("services.scheduler", "scheduler.sql")
_log = structlog.get_logger()


def start_if_due(
    connection: Connection,
    publisher: Publishing,
    topology: Topology,
    *,
    chain_lease: timedelta,
    interval_error: timedelta,
) -> BouncesPoll | None:
    """Start the next chain if it is due; one replica alone finds it so.

    A replica that dies before publishing leaves a silent chain, which counts as due when its lease ends.

    Returns:
        The poll that was published, or None.
    """
    row = connection.execute(_SQL["start_poll_chain"], {"chain_lease": chain_lease}).fetchone()
    if row is None:
        return None
    poll = BouncesPoll(str(row[0]), row[1])
    with tracing.span("start poll", identity=poll.message_id):
        outcomes = send(publisher, [topology.address(poll)])
    if outcomes == [Outcome.CONFIRMED]:
        return poll
    _log.warning("poll not confirmed", action="poll-unconfirmed", poll_id=poll.poll_id)
    connection.execute(_SQL["postpone_poll_chain"], {"pause": interval_error, "poll_id": row[0]})
    return None
