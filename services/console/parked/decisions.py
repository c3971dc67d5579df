"""An operator's decision about parked messages, the held recipients of their mails included."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from psycopg import Connection

from services.console.deliveries import deliveries
from services.console.parked import queue
from services.console.parked.message import ParkedMessage
from services.console.progress import Progress, unheard
from shared.broker import Topology
from shared.settings import Settings
from shared.wire import Mail

_Transaction = Callable[[], AbstractContextManager[Connection[Any]]]


def replay(
    settings: Settings,
    transaction: _Transaction,
    message_ids: Sequence[str] | None,
    progress: Progress = unheard,
    done: Callable[[ParkedMessage], object] = lambda _: None,
) -> list[ParkedMessage]:
    """Put messages back on the queues they came from; the held recipients of a mail are sent to once more.

    Args:
        settings: where the broker is.
        transaction: opens one on the delivery ledger, committed at its end.
        message_ids: which ones; None: all.
        progress: is told after each message.
        done: is given each that was dealt with, also when a later one is refused.

    Raises:
        BrokerUnreachable: no node answers.
        NameUnknown: none of this id is parked.
        OriginUnknown: one does not say where it came from.
        ReplayRefused: the broker did not take one.
    """
    let_go = partial(_decide, transaction, deliveries.release)
    return queue.replay(
        settings.amqp_url, Topology.of(settings), message_ids, let_go, progress=progress, done=done
    )


def discard(
    settings: Settings,
    transaction: _Transaction,
    message_ids: Sequence[str] | None,
    progress: Progress = unheard,
    done: Callable[[ParkedMessage], object] = lambda _: None,
) -> list[ParkedMessage]:
    """Remove messages for good; the held recipients of a mail are left at that.

    Args:
        settings: where the broker is.
        transaction: opens one on the delivery ledger, committed at its end.
        message_ids: which ones; None: all.
        progress: is told after each message.
        done: is given each that was dealt with, also when a later one is refused.

    Raises:
        BrokerUnreachable: no node answers.
        NameUnknown: none of this id is parked.
    """
    leave = partial(_decide, transaction, deliveries.settle)
    return queue.discard(
        settings.amqp_url, Topology.of(settings), message_ids, leave, progress=progress, done=done
    )


def _decide(
    transaction: _Transaction, decide: Callable[[Connection[Any], str], object], message: ParkedMessage
) -> None:
    """Decide about a mail's held recipients in the ledger, before the message moves."""
    if message.type == Mail.TYPE:
        with transaction() as connection:
            decide(connection, message.message_id)
