import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from psycopg_pool import ConnectionPool

from demo.catcher import Catcher
from demo.roles import acting_as
from services.mail_relay.attempt import OpenAttempt
from services.mail_relay.database import open_pool
from services.mail_relay.ledger import Ledger
from services.mail_relay.limits import Limits
from shared.settings.relay import DestinationLimit
from shared.worker import Retry
from tests.integration.mail_relay.conftest import MakeRelay, Rows
from tests.unit.mail_relay.mails import mail

pytestmark = pytest.mark.integration

LEASE = timedelta(minutes=2)
AGE = timedelta(0)
MAIL = mail()


@pytest.fixture
def pools(database_url: str) -> Iterator[list[ConnectionPool]]:
    """Of two relays."""
    url = acting_as(database_url, "worker")
    with open_pool(url, size=4) as one, open_pool(url, size=4) as other:
        yield [one, other]


def limits(pool: ConnectionPool, **limit: int) -> Limits:
    return Limits(pool, {"example.org": DestinationLimit(**limit)}, LEASE)


def attempts(*recipients: str) -> list[OpenAttempt]:
    attempt_id = uuid4()
    return [OpenAttempt(recipient, 1, attempt_id) for recipient in recipients or ["ann@example.org"]]


def test_two_relays_together_never_send_more_mails_at_once_than_a_destination_may_have(
    pools: list[ConnectionPool], rows: Rows
) -> None:
    inside, most = 0, 0
    counting, turned_away = threading.Lock(), threading.Event()

    def send(number: int) -> int:
        nonlocal inside, most
        with limits(pools[number % 2], concurrency=3).admission(MAIL, attempts(), AGE) as admission:
            if not admission.admitted:
                turned_away.set()
                return 0
            with counting:
                inside += 1
                most = max(most, inside)
            # until somebody found the destination full
            turned_away.wait(5)
            with counting:
                inside -= 1
        return 1

    with ThreadPoolExecutor(8) as threads:
        sent = sum(threads.map(send, range(40)))
    assert 3 <= sent < 40
    assert most <= 3
    assert rows("SELECT FROM mailroom.destination_slot WHERE leased_until IS NOT NULL") == []


def test_who_finds_a_destination_full_waits_without_an_attempt(
    pools: list[ConnectionPool],
) -> None:
    with (
        limits(pools[0], concurrency=1).admission(MAIL, attempts(), AGE),
        limits(pools[1], concurrency=1).admission(MAIL, attempts("bob@EXAMPLE.org"), AGE) as second,
    ):
        (result,) = second.postponed
        assert second.admitted == []
    assert not result.offered
    assert "example.org has as many mails on their way as relay.limits allows" in result.reply
    assert result.turn is not None
    assert timedelta(seconds=5) <= result.turn <= timedelta(seconds=10)
    with limits(pools[1], concurrency=1).admission(MAIL, attempts(), AGE) as third:
        assert len(third.admitted) == 1


@pytest.mark.parametrize("leased_until", ["now() - interval '1 second'", "now() + interval '1 day'"])
def test_the_place_of_a_dead_relay_and_of_a_clock_gone_back_is_free(
    pools: list[ConnectionPool], rows: Rows, leased_until: str
) -> None:
    with limits(pools[0], concurrency=1).admission(MAIL, attempts(), AGE):
        rows(f"UPDATE mailroom.destination_slot SET leased_until = {leased_until}")
        with limits(pools[1], concurrency=1).admission(MAIL, attempts(), AGE) as admission:
            assert len(admission.admitted) == 1


def test_places_are_renewed_with_the_attempts_they_belong_to(pools: list[ConnectionPool], rows: Rows) -> None:
    ledger = Ledger(pools[0], LEASE)
    begun = ledger.begin(MAIL, ["ann@example.org"])
    with limits(pools[0], concurrency=1).admission(MAIL, begun.attempts, AGE):
        rows("UPDATE mailroom.destination_slot SET leased_until = now() - interval '1 second'")
        ledger.renew({begun.attempts[0].attempt_id: MAIL.mail_id})
        with limits(pools[1], concurrency=1).admission(MAIL, attempts(), AGE) as admission:
            assert admission.admitted == []


def test_two_relays_together_keep_to_the_rate_and_everybody_else_gets_a_turn_of_their_own(
    pools: list[ConnectionPool],
) -> None:
    turns: list[timedelta] = []

    def send(number: int) -> int:
        with limits(pools[number % 2], per_minute=6).admission(MAIL, attempts(), AGE) as admission:
            turns.extend(result.turn or timedelta(0) for result in admission.postponed)
            return len(admission.admitted)

    with ThreadPoolExecutor(8) as threads:
        admitted = sum(threads.map(send, range(20)))
    assert admitted in (1, 2, 3), "one at once, and what the next ten seconds allow of those that asked later"
    waits = sorted(turn.total_seconds() for turn in turns)
    assert all(8 <= later - earlier <= 12 for earlier, later in pairwise(waits))


def test_a_mail_with_many_recipients_is_sent_to_as_many_as_the_rate_allows(
    pools: list[ConnectionPool],
) -> None:
    many = attempts("a@example.org", "b@example.org", "c@example.org", "d@elsewhere.example")
    with limits(pools[0], per_minute=1).admission(MAIL, many, AGE) as admission:
        pass
    assert [opened.recipient for opened in admission.admitted] == ["d@elsewhere.example", "a@example.org"]
    assert [result.recipient for result in admission.postponed] == ["b@example.org", "c@example.org"]
    first, second = (result.turn.total_seconds() for result in admission.postponed if result.turn)
    assert first == pytest.approx(60, abs=5)
    assert second == pytest.approx(120, abs=5)


def test_a_mail_with_no_turn_before_it_expires_holds_up_none_that_comes_later(
    pools: list[ConnectionPool], rows: Rows
) -> None:
    soon = mail(expires_at=datetime.now(UTC) + timedelta(seconds=90))
    for _ in range(10):
        with limits(pools[0], per_minute=1).admission(soon, attempts(), AGE):
            pass
    (row,) = rows("SELECT next_free_at < now() + interval '4 minutes' AS near FROM mailroom.destination_rate")
    assert row["near"]


def test_a_rate_counted_by_a_clock_that_has_gone_back_is_counted_from_now(
    pools: list[ConnectionPool], rows: Rows
) -> None:
    with limits(pools[0], per_minute=1).admission(MAIL, attempts(), AGE):
        pass
    rows(
        "UPDATE mailroom.destination_rate SET next_free_at = next_free_at + interval '1 year',"
        " reserved_at = reserved_at + interval '1 year'"
    )
    with limits(pools[1], per_minute=1).admission(MAIL, attempts(), AGE) as admission:
        (result,) = admission.postponed
    assert result.turn is not None
    assert result.turn <= timedelta(minutes=1)


def test_a_turn_is_kept_until_the_mail_comes_back_for_it(make_relay: MakeRelay, rows: Rows) -> None:
    def deliver(number: int) -> None:
        relay.deliver(mail(mail_id=f"mail-{number}"))

    with Catcher() as catcher:
        relay = make_relay(catcher.smtp_url, limits={"*": {"per_minute": 1}})
        deliver(1)
        with pytest.raises(Retry, match="gets no more recipients a minute") as retry:
            deliver(2)
        assert not retry.value.limited
        assert retry.value.delay is not None
        assert timedelta(seconds=50) < retry.value.delay <= timedelta(seconds=60)
        rows("UPDATE mailroom.mail_delivery SET not_before = now() WHERE mail_id = 'mail-2'")
        deliver(2)
        with pytest.raises(Retry) as retry:
            deliver(3)
        assert retry.value.delay is not None
        assert timedelta(seconds=110) < retry.value.delay <= timedelta(seconds=120), (
            "behind the turn of mail-2"
        )
        relay.close()
        assert len(catcher.messages) == 2
    found = rows("SELECT mail_id, state, attempts FROM mailroom.mail_delivery ORDER BY mail_id")
    assert [(row["state"], row["attempts"]) for row in found] == [
        ("delivered", 1),
        ("delivered", 1),
        ("deferred", 0),
    ]


def test_without_limits_nothing_is_asked(pool: ConnectionPool) -> None:
    unlimited = Limits(pool, {}, LEASE)
    pool.close()
    opened = attempts()
    with unlimited.admission(MAIL, opened, AGE) as admission:
        assert admission.admitted == opened


def test_what_says_nothing_any_more_is_forgotten(pools: list[ConnectionPool], rows: Rows) -> None:
    both = limits(pools[0], per_minute=1, concurrency=2)
    with both.admission(MAIL, attempts(), AGE):
        both.forget_idle()
        assert len(rows("SELECT FROM mailroom.destination_slot WHERE leased_until IS NOT NULL")) == 1
    rows("UPDATE mailroom.destination_rate SET next_free_at = now() - interval '2 hours'")
    both.forget_idle()
    assert rows("SELECT FROM mailroom.destination_slot") == []
    assert rows("SELECT FROM mailroom.destination_rate") == []
