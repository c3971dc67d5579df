"""Balancing the books of the fault injection suite: what counts as lost, repeated, and declared."""

from dataclasses import replace

import pytest

from tests.chaos.books import Books, Firings, audited_in_file, findings, lost, repeated, undeclared
from tests.chaos.sink import refused_for_ever

ALICE = ("ndr.1", "alice@example.com")
BOB = ("report.2", "bob@example.com")
GONE = ("report.2", "retired@unknown.example")
BALANCED = Books(
    expected=frozenset({ALICE, BOB, GONE}),
    accepted={ALICE: 1, BOB: 1},
    states={ALICE: "delivered", BOB: "delivered", GONE: "failed"},
    in_doubt={},
    flaws={"open report runs": 0},
    firings={"nightly": Firings(7, 7, 7)},
)


def test_books_in_order_balance() -> None:
    assert findings(BALANCED) == []


def test_a_mail_that_nobody_accepted_is_lost() -> None:
    books = replace(BALANCED, accepted={BOB: 1})
    assert lost(books) == {ALICE}
    assert "1 mails lost: ndr.1 to alice@example.com" in findings(books)


def test_a_mail_that_was_refused_for_ever_is_not_lost() -> None:
    assert lost(BALANCED) == set()


def test_a_mail_accepted_twice_is_repeated_and_undeclared() -> None:
    books = replace(BALANCED, accepted={ALICE: 2, BOB: 1})
    assert repeated(books) == undeclared(books) == {ALICE: 2}
    assert len(findings(books)) == 1


def test_as_many_attempts_in_doubt_as_repetitions_declare_them() -> None:
    books = replace(BALANCED, accepted={ALICE: 3, BOB: 1}, in_doubt={ALICE: 2})
    assert repeated(books) == {ALICE: 3}
    assert undeclared(books) == {}
    assert findings(books) == []


def test_one_attempt_in_doubt_does_not_declare_two_repetitions() -> None:
    books = replace(BALANCED, accepted={ALICE: 3, BOB: 1}, in_doubt={ALICE: 1})
    assert undeclared(books) == {ALICE: 3}


@pytest.mark.parametrize(
    "changed",
    [
        replace(BALANCED, accepted={ALICE: 1, BOB: 1, ("ndr.9", "carol@example.com"): 1}),
        replace(BALANCED, accepted={ALICE: 1, BOB: 1, GONE: 1}),
        replace(BALANCED, states={ALICE: "deferred", BOB: "delivered", GONE: "failed"}),
        replace(BALANCED, states={ALICE: "delivered", BOB: "failed", GONE: "failed"}),
        replace(BALANCED, states={ALICE: "delivered", BOB: "delivered"}),
        replace(BALANCED, flaws={"open report runs": 1}),
        replace(BALANCED, firings={"nightly": Firings(6, 7, 9)}),
        replace(BALANCED, firings={"nightly": Firings(10, 7, 9)}),
        replace(BALANCED, unaudited=["entry 1"]),
        replace(BALANCED, uncopied=["1"]),
        replace(BALANCED, torn=["ndr.1"]),
    ],
)
def test_whatever_else_is_wrong_is_told(changed: Books) -> None:
    assert findings(changed)


def test_many_are_counted_and_some_are_shown() -> None:
    books = replace(BALANCED, torn=[f"ndr.{number}" for number in range(100)])
    (line,) = findings(books)
    assert line.startswith("100 mails that arrived without their end: ndr.0, ndr.1")
    assert line.endswith(", ...")


def test_the_audit_file_is_read_by_its_entries() -> None:
    lines = [
        "2026-11-21 00:10:12.497 Bounced Msg id=FB706BC3-1; From=a@b.example src=MTA; To=c@d.example; NDR=01",
        "torn li",
        "2026-11-21 00:10:12.497 Discarding bounced NDR id=00000002-22; From= src=MTA; To=c@d.example",
    ]
    assert audited_in_file(lines) == {1, 22}


def test_an_address_alone_decides_whether_it_is_refused_for_ever() -> None:
    assert refused_for_ever("retired@unknown.example")
    assert refused_for_ever("anybody@closed.example")
    assert refused_for_ever("sender177@example.com")
    assert not refused_for_ever("sender178@example.com")
    assert not refused_for_ever("duty@busy.example")
