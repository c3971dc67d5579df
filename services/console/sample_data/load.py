"""Writing the sample, or a backlog of bounces, to PostgreSQL with COPY, each in one transaction."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, LiteralString

from psycopg import Connection, Cursor
from psycopg.rows import tuple_row

from services.console.sample_data.backlog import backlog
from services.console.sample_data.rows import QueuedMessage
from services.console.sample_data.sample import Sample, sample
from shared.database.statements import load_statements
from shared.errors import MailroomError

_STATEMENTS = load_statements("services.console.sample_data", "load.sql")
_MESSAGE_TYPES = ("int8", "text", "timestamptz", "text", "text", "text", "text", "bool", "bool", "bytea")
#: Messages and their entries are copied by turns, this many messages at a time.
_TURN = 1000
_AHEAD = timedelta(days=62)

#: Is told after each table: rows written so far, rows in all.
Progress = Callable[[int, int], None]


class InventoryNotEmpty(MailroomError):
    """The database already holds monitoring data; loading the sample next to it would mix the two."""


@dataclass(frozen=True, slots=True)
class LoadedCounts:
    """How many rows the sample brought, and how many NDRs its bounces lead to."""

    sites: int
    bots: int
    servers: int
    databases: int
    domain_pairs: int
    events: int
    event_mails: int
    messages: int
    bounced_entries: int
    deferred_entries: int
    ready_entries: int
    expected_ndrs: int


def load_sample(
    connection: Connection[Any],
    *,
    seed: int,
    scale: float,
    now: datetime,
    replace: bool = False,
    progress: Progress | None = None,
) -> LoadedCounts:
    """Fill a migrated database with the sample, in one transaction.

    Args:
        connection: of a member of the owner role (whoever migrated is one).
        seed: the same seed, scale and now give the same rows, ids in the bounce queue aside.
        scale: multiplies events and bounces.
        now: the nominal time the data refers to, with a time zone.
        replace: empty the monitoring and bounce tables first.
        progress: is told after each table.

    Raises:
        InventoryNotEmpty: there are sites already and `replace` is false.
    """
    rows = sample(seed, scale, now)
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(_STATEMENTS["act_as_owner"])
        _make_room(cursor, replace=replace)
        cursor.execute(
            _STATEMENTS["ensure_partitions"],
            {"first": min(event.registered_on for event in rows.events), "last": now + _AHEAD},
        )
        _copy_sample(cursor, rows, progress)
        cursor.execute(_STATEMENTS["gather_statistics"])
    return counts(rows)


def load_backlog(
    connection: Connection[Any],
    entries: int,
    *,
    seed: int,
    now: datetime,
    recipients_per_message: int = 1,
) -> int:
    """Add many simple bounced messages to the queue, in one transaction.

    Args:
        connection: of a member of the owner role.
        entries: how many bounced entries to add.
        seed: of the repeatable randomness.
        now: the nominal time; every bounce is older.
        recipients_per_message: how many entries a message has.

    Returns:
        How many messages were added; each leads to one NDR.
    """
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        cursor.execute(_STATEMENTS["act_as_owner"])
        messages = _copy_queue(cursor, backlog(entries, seed, now, recipients_per_message))
        cursor.execute(_STATEMENTS["gather_statistics"])
    return messages


def counts(rows: Sample) -> LoadedCounts:
    """What a sample holds."""
    by_status = Counter(entry.status for queued in rows.queue for entry in queued.entries)
    return LoadedCounts(
        sites=len(rows.sites),
        bots=len(rows.bots),
        servers=len(rows.servers),
        databases=len(rows.databases),
        domain_pairs=len(rows.domain_pairs),
        events=len(rows.events),
        event_mails=len(rows.event_mails),
        messages=len(rows.queue),
        bounced_entries=by_status["bounced"],
        deferred_entries=by_status["deferred"],
        ready_entries=by_status["ready"],
        expected_ndrs=sum(queued.earns_notification for queued in rows.queue),
    )


def _make_room(cursor: Cursor[Any], *, replace: bool) -> None:
    if replace:
        cursor.execute(_STATEMENTS["empty"])
    elif cursor.execute(_STATEMENTS["has_inventory"]).fetchone() == (True,):
        raise InventoryNotEmpty(
            "the table site already holds rows; load the sample into a new database, or replace "
            "what is there (--replace empties the monitoring and bounce tables first)"
        )


def _copy_sample(cursor: Cursor[Any], rows: Sample, progress: Progress | None) -> None:
    tables: tuple[tuple[str, Sequence[tuple[Any, ...]]], ...] = (
        ("copy_sites", rows.sites),
        ("copy_bots", rows.bots),
        ("copy_servers", rows.servers),
        ("copy_databases", rows.databases),
        ("copy_domain_pairs", rows.domain_pairs),
        ("copy_events", rows.events),
        ("copy_event_mails", rows.event_mails),
    )
    done, in_all = 0, sum(len(table) for _, table in tables) + len(rows.queue)
    for name, table in tables:
        _copy(cursor, _STATEMENTS[name], table)
        done += len(table)
        if progress is not None:
            progress(done, in_all)
    _copy_queue(cursor, rows.queue)
    if progress is not None:
        progress(in_all, in_all)


def _copy_queue(cursor: Cursor[Any], queue: Iterable[QueuedMessage]) -> int:
    """Copy messages and entries under new ids; returns how many messages."""
    cursor.execute(_STATEMENTS["pass_ids_given_explicitly"])
    copied = 0
    remaining = iter(queue)
    while turn := list(islice(remaining, _TURN)):
        numbered = list(zip(_draw(cursor, "draw_message_ids", len(turn)), turn, strict=True))
        messages = ((number, *queued.message) for number, queued in numbered)
        _copy(cursor, _STATEMENTS["copy_messages"], messages, _MESSAGE_TYPES)
        entries = [(number, *entry) for number, queued in numbered for entry in queued.entries]
        entry_ids = _draw(cursor, "draw_entry_ids", len(entries))
        rows = ((entry_id, *entry) for entry_id, entry in zip(entry_ids, entries, strict=True))
        _copy(cursor, _STATEMENTS["copy_entries"], rows)
        copied += len(turn)
    return copied


def _draw(cursor: Cursor[Any], statement: str, count: int) -> list[int]:
    return [number for (number,) in cursor.execute(_STATEMENTS[statement], {"count": count})]


def _copy(
    cursor: Cursor[Any],
    statement: LiteralString,
    rows: Iterable[tuple[Any, ...]],
    types: Sequence[str] | None = None,
) -> None:
    """Copy rows in; `types` are given when the statement's format is binary."""
    with cursor.copy(statement) as copy:
        if types is not None:
            copy.set_types(types)
        for row in rows:
            copy.write_row(row)
