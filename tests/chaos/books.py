"""The books: what must have been mailed against what was accepted, and what else must hold in the end."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg
from psycopg.rows import dict_row

from shared.database.statements import load_statements
from tests.chaos.load import CATCH_UP_LIMIT, recipients_of_reports
from tests.chaos.sink import Sink, refused_for_ever

_SQL = load_statements("tests.chaos", "books.sql")
_AUDIT_LINE: Final = re.compile(r" id=[0-9A-F]+-(\d+); .*?(?:; NDR=([0-9a-f-]{36}))?(?:; |$)")
_SHOWN: Final = 10

#: A mail id and one of its recipients.
Copy = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Firings:
    """How often a schedule fired, and how often it may have: exactly as often, where the clock was steady."""

    fired: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Books:
    """What the database, the sink and the disk say.

    Attributes:
        expected: whoever must have been sent what.
        accepted: how often the sink accepted each.
        states: how the delivery ledger ended for each.
        in_doubt: how many attempts the ledger declares to have ended without anybody knowing the result.
        flaws: numbers that must be 0, by what they count.
        firings: by schedule.
        unaudited: audited entries without a line in the audit file.
        uncopied: NDRs without a whole file in the copies folder.
        torn: mails that arrived without their end.
    """

    expected: frozenset[Copy]
    accepted: Mapping[Copy, int]
    states: Mapping[Copy, str]
    in_doubt: Mapping[Copy, int]
    flaws: Mapping[str, int] = field(default_factory=dict)
    firings: Mapping[str, Firings] = field(default_factory=dict)
    unaudited: Sequence[str] = ()
    uncopied: Sequence[str] = ()
    torn: Sequence[str] = ()


def lost(books: Books) -> set[Copy]:
    """What was neither accepted nor refused for ever."""
    return {copy for copy in books.expected - books.accepted.keys() if not refused_for_ever(copy[1])}


def repeated(books: Books) -> dict[Copy, int]:
    """What was accepted more often than once, and how often."""
    return {copy: times for copy, times in books.accepted.items() if times > 1}


def undeclared(books: Books) -> dict[Copy, int]:
    """What was repeated more often than the ledger declares attempts in doubt."""
    return {copy: times for copy, times in repeated(books).items() if times > 1 + books.in_doubt.get(copy, 0)}


def findings(books: Books) -> list[str]:
    """Say what does not balance, one line each; none when all is well."""
    delivered = {copy for copy, state in books.states.items() if state == "delivered"}
    failed = {copy for copy, state in books.states.items() if state == "failed"}
    refused = {copy for copy in books.expected if refused_for_ever(copy[1])}
    lines = [
        _told("mails lost", lost(books)),
        _told("mails repeated and not declared in doubt", undeclared(books)),
        _told("mails accepted that nobody was to be sent", books.accepted.keys() - books.expected),
        _told("mails refused for ever that are not failed in the ledger", refused - failed),
        _told("mails failed in the ledger that nobody refused", failed - refused),
        _told("mails accepted that are not delivered in the ledger", books.accepted.keys() - delivered),
        _told("mails delivered in the ledger that nobody accepted", delivered - books.accepted.keys()),
        _told("audited entries without a line in the audit file", books.unaudited),
        _told("NDRs without a whole file in the copies folder", books.uncopied),
        _told("mails that arrived without their end", books.torn),
        *(f"{number} {what}" for what, number in books.flaws.items() if number),
        *(
            f"{schedule} fired {firings.fired} times instead of {firings.least} to {firings.most}"
            for schedule, firings in books.firings.items()
            if not firings.least <= firings.fired <= firings.most
        ),
    ]
    return [line for line in lines if line]


def read_books(connection: psycopg.Connection, sink: Sink, audit: Path, copies: Path, *, jumps: int) -> Books:
    """Read what is to be balanced.

    Args:
        connection: to the database; of a superuser.
        sink: what was accepted.
        audit: the audit file.
        copies: the copies folder.
        jumps: how often the clock may have jumped.
    """
    # first, so that what is accepted meanwhile is expected too
    accepted, torn = dict(sink.accepted), list(sink.torn)
    ledger = connection.execute(_SQL["ledger"]).fetchall()
    audited = connection.execute(_SQL["audited"]).fetchall()
    with connection.cursor(row_factory=dict_row) as cursor:
        flaws = cursor.execute(_SQL["flaws"]).fetchone() or {}
    written = audited_in_file(audit.read_text("utf-8", "replace").splitlines() if audit.exists() else ())
    return Books(
        expected=frozenset(_expected(connection)),
        accepted=accepted,
        states={(mail_id, recipient): state for mail_id, recipient, state, _ in ledger},
        in_doubt={(mail_id, recipient): times for mail_id, recipient, _, times in ledger if times},
        flaws=flaws,
        firings=_firings(connection, jumps),
        unaudited=[f"entry {entry}" for entry, _ in audited if entry not in written],
        uncopied=sorted({ndr_id for _, ndr_id in audited if ndr_id and not _whole(copies, ndr_id)}),
        torn=torn,
    )


def audited_in_file(lines: Iterable[str]) -> set[int]:
    """Return the entries that the audit file has a line for; what is no whole line counts for nothing."""
    return {int(found[1]) for line in lines if (found := _AUDIT_LINE.search(line))}


def load_so_far(connection: psycopg.Connection) -> tuple[int, int, int]:
    """Count bounces, report runs, and the runs that those turned into for a site or bot each."""
    bounces, runs, scoped = connection.execute(_SQL["load"]).fetchone() or (0, 0, 0)
    return bounces, runs, scoped


def _expected(connection: psycopg.Connection) -> Iterable[Copy]:
    recipients = recipients_of_reports()
    yield from connection.execute(_SQL["ndr_mails"]).fetchall()
    for mail_id, report in connection.execute(_SQL["report_mails"]).fetchall():
        for recipient in recipients[report]:
            yield mail_id, recipient


def _firings(connection: psycopg.Connection, jumps: int) -> dict[str, Firings]:
    """A clock that jumps forward makes up for some times at once; those it jumps over need not fire."""
    spare = CATCH_UP_LIMIT * (jumps + 1) if jumps else 0
    rows = connection.execute(_SQL["firings"]).fetchall()
    return {
        name: Firings(fired, least=min(nominal, 1) if jumps else nominal, most=nominal + spare)
        for name, nominal, fired in rows
    }


def _whole(copies: Path, ndr_id: str) -> bool:
    try:
        return (copies / f"ndr.{ndr_id}.msg").read_bytes().endswith(b"--\r\n")
    except FileNotFoundError:
        return False


def _told(what: str, which: Iterable[object]) -> str:
    """One line that counts and shows some; empty for none."""
    items = sorted(which, key=str)
    if not items:
        return ""
    shown = ", ".join(" to ".join(item) if isinstance(item, tuple) else str(item) for item in items[:_SHOWN])
    return f"{len(items)} {what}: {shown}{', ...' if len(items) > _SHOWN else ''}"
