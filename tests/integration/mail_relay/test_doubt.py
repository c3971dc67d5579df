from datetime import timedelta

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from services.console.deliveries.deliveries import release, settle
from services.mail_relay.ledger import Ledger
from shared.wire import Mail
from shared.worker import Poison, Retry
from tests.integration.mail_relay.conftest import Counted, MakeRelay, Rows
from tests.integration.mail_relay.scripted_server import ScriptedServer
from tests.unit.mail_relay.mails import MESSAGE, mail

pytestmark = pytest.mark.integration

LEDGER = "SELECT * FROM mailroom.mail_delivery ORDER BY recipient"
LEASE_ENDED = "UPDATE mailroom.mail_delivery SET leased_until = now() - interval '1 second'"


@pytest.fixture
def holding(pool: ConnectionPool) -> Ledger:
    """A ledger of a relay that holds what is in doubt."""
    return Ledger(pool, timedelta(minutes=2), hold=True)


def let_go(database_url: str, held: Mail) -> list[str]:
    with psycopg.connect(database_url) as connection:
        return release(connection, held.mail_id)


def test_a_held_mail_is_not_sent_again_until_an_operator_lets_it_go(
    make_relay: MakeRelay, holding: Ledger, rows: Rows, counted: Counted, database_url: str
) -> None:
    with ScriptedServer(losses=1) as server:
        relay = make_relay(server.url, holding)
        for _ in range(2):
            with pytest.raises(Poison, match=r"1 held: .* for ann@example\.org; replay to send it again"):
                relay.deliver(mail())
        assert server.count("DATA") == 1
        (row,) = rows(LEDGER)
        assert (row["state"], row["in_doubt"], row["finished_at"]) == ("held", 1, None)
        assert holding.count_in_doubt() == 1

        assert let_go(database_url, mail()) == ["ann@example.org"]
        relay.deliver(mail())
        relay.close()
    assert server.messages == [MESSAGE]
    (row,) = rows(LEDGER)
    assert (row["state"], row["in_doubt"], row["attempts"], row["released_at"]) == ("delivered", 1, 2, None)
    assert (holding.count_in_doubt(), counted("in-doubt"), counted("delivered")) == (0, 1, 1)


def test_what_a_dead_relay_had_in_hand_is_held_unsent(
    make_relay: MakeRelay, holding: Ledger, rows: Rows, counted: Counted
) -> None:
    holding.begin(mail(), ["ann@example.org"])
    rows(LEASE_ENDED)
    assert holding.count_in_doubt() == 1
    with ScriptedServer() as server:
        with pytest.raises(Poison, match="1 held"):
            make_relay(server.url, holding).deliver(mail())
        assert server.connections == 0
    (row,) = rows(LEDGER)
    assert (row["state"], row["in_doubt"], row["attempts"], row["leased_until"]) == ("held", 1, 1, None)
    assert (holding.count_in_doubt(), counted("in-doubt")) == (1, 1)


def test_a_mail_is_parked_for_its_held_recipient_only_when_the_others_are_finished(
    make_relay: MakeRelay, holding: Ledger, rows: Rows
) -> None:
    two = mail(rcpt_to=("ann@example.org", "bob@example.org"))
    replies = {"RCPT TO:<bob": "451 4.3.0 busy"}
    with ScriptedServer(replies=replies, losses=1) as server:
        relay = make_relay(server.url, holding)
        with pytest.raises(Retry, match="1 deferred; bob"):
            relay.deliver(two)
        del replies["RCPT TO:<bob"]
        with pytest.raises(Poison, match=r"1 held: .* for ann"):
            relay.deliver(two)
        relay.close()
    assert [row["state"] for row in rows(LEDGER)] == ["held", "delivered"]
    assert server.count("RCPT TO:<ann") == 1


def test_an_operator_may_send_a_held_mail_even_after_its_time(
    make_relay: MakeRelay, holding: Ledger, rows: Rows, database_url: str
) -> None:
    with ScriptedServer(losses=1) as server:
        relay = make_relay(server.url, holding)
        with pytest.raises(Poison):
            relay.deliver(mail())
        late = mail(expires_at=mail().created_at)
        let_go(database_url, late)
        relay.deliver(late)
        relay.close()
    assert server.messages == [MESSAGE]
    assert [row["state"] for row in rows(LEDGER)] == ["delivered"]


def test_a_mail_let_go_after_its_time_has_one_attempt_and_is_then_given_up(
    make_relay: MakeRelay, holding: Ledger, rows: Rows, database_url: str
) -> None:
    late = mail(expires_at=mail().created_at)
    replies = {"VRFY": "252 not asked"}
    with ScriptedServer(replies=replies, losses=1) as server:
        relay = make_relay(server.url, holding)
        with pytest.raises(Poison):
            relay.deliver(mail())
        let_go(database_url, late)
        replies["RCPT"] = "451 4.3.0 busy"
        with pytest.raises(Retry) as retry:
            relay.deliver(late)
        assert retry.value.delay == timedelta(0)
        relay.deliver(late)
        relay.close()
    (row,) = rows(LEDGER)
    assert (row["state"], row["enhanced_status"]) == ("failed", "4.4.7")


def test_a_held_mail_left_at_that_is_no_longer_in_doubt_now(
    make_relay: MakeRelay, holding: Ledger, rows: Rows, database_url: str
) -> None:
    with ScriptedServer(losses=1) as server, pytest.raises(Poison):
        make_relay(server.url, holding).deliver(mail())
    with psycopg.connect(database_url) as connection:
        assert settle(connection, "mail-1") == ["ann@example.org"]
    (row,) = rows(LEDGER)
    assert (row["state"], row["in_doubt"]) == ("held", 1), "that nobody knows is not forgotten"
    assert holding.count_in_doubt() == 0
