import threading
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg import OperationalError
from psycopg_pool import ConnectionPool

from services.mail_relay.leases import Leases
from services.mail_relay.ledger import Ledger
from shared.worker import Retry
from tests.integration.mail_relay.conftest import MakeRelay, Rows
from tests.integration.mail_relay.scripted_server import ScriptedServer
from tests.unit.mail_relay.mails import mail

pytestmark = pytest.mark.integration

ROW = "SELECT *, leased_until > now() AS leased FROM mailroom.mail_delivery"
LEASE_ENDED = "UPDATE mailroom.mail_delivery SET leased_until = now() - interval '1 second'"
ANN = ["ann@example.org"]


def test_a_renewed_attempt_is_not_another_relays_to_make(ledger: Ledger, rows: Rows) -> None:
    leases = Leases(ledger)
    (opened,) = ledger.begin(mail(), ANN).attempts
    with leases.keep("mail-1", opened.attempt_id, time.monotonic() - 3600) as lease:
        assert not lease.ours()
        rows(LEASE_ENDED)
        leases.renew()
        assert lease.ours()
        other = ledger.begin(mail(), ANN)
    assert (other.attempts, other.elsewhere) == ((), 1)
    assert other.elsewhere_for is not None
    assert timedelta(minutes=5) < other.elsewhere_for <= timedelta(minutes=6)


def test_an_attempt_that_another_relay_has_taken_up_is_not_renewed(ledger: Ledger, rows: Rows) -> None:
    leases = Leases(ledger)
    (opened,) = ledger.begin(mail(), ANN).attempts
    with leases.keep("mail-1", opened.attempt_id, time.monotonic() - 3600) as lease:
        rows(LEASE_ENDED)
        (taken_up,) = ledger.begin(mail(), ANN).attempts
        leases.renew()
        assert not lease.ours()
    assert (taken_up.number, taken_up.resumed) == (2, True)


def test_attempts_in_hand_are_renewed_by_themselves(pool: ConnectionPool, rows: Rows) -> None:
    ledger = Ledger(pool, timedelta(seconds=1))
    leases = Leases(ledger)
    (opened,) = ledger.begin(mail(), ANN).attempts
    (before,) = rows(ROW)
    leases.start()
    with leases.keep("mail-1", opened.attempt_id, time.monotonic()):
        pause, until = threading.Event(), time.monotonic() + 20
        while rows(ROW)[0]["leased_until"] < before["leased_until"] + timedelta(seconds=1):
            assert time.monotonic() < until
            pause.wait(0.05)
    leases.stop()


def test_a_renewal_waits_for_nobody(ledger: Ledger, pool: ConnectionPool) -> None:
    (opened,) = ledger.begin(mail(), ANN).attempts
    with pool.connection() as connection, connection.transaction():
        connection.execute("SELECT FROM mailroom.mail_delivery FOR UPDATE")
        assert ledger.renew({opened.attempt_id: "mail-1"}) == set()
    assert ledger.renew({opened.attempt_id: "mail-1", uuid4(): "mail-2"}) == {opened.attempt_id}


def test_the_text_is_not_sent_without_a_lease(
    make_relay: MakeRelay, pool: ConnectionPool, rows: Rows
) -> None:
    with ScriptedServer() as server:
        relay = make_relay(server.url, Ledger(pool, timedelta(0)))
        with pytest.raises(Retry, match="lease was lost"):
            relay.deliver(mail())
        relay.close()
    assert (server.count("RCPT"), server.count("DATA")) == (1, 0)
    assert rows(ROW)[0]["state"] == "deferred"


def test_a_lease_given_by_a_clock_that_has_gone_back_has_ended(ledger: Ledger, rows: Rows) -> None:
    ledger.begin(mail(), ANN)
    rows("UPDATE mailroom.mail_delivery SET leased_until = now() + interval '1 day'")
    (opened,) = ledger.begin(mail(), ANN).attempts
    assert opened.resumed


def test_a_mail_elsewhere_comes_back_when_the_lease_of_the_other_relay_would_end(
    make_relay: MakeRelay, ledger: Ledger
) -> None:
    ledger.begin(mail(), ANN)
    with ScriptedServer() as server, pytest.raises(Retry, match="another relay") as retry:
        make_relay(server.url).deliver(mail())
    assert retry.value.delay is not None
    assert timedelta(minutes=5) < retry.value.delay <= timedelta(minutes=6, seconds=1)


def test_an_attempt_whose_commit_was_not_heard_of_is_recognised(ledger: Ledger, rows: Rows) -> None:
    answers = []
    execute = ledger._database.execute_once

    def lose_the_first_answer(*arguments: Any, **options: Any) -> Any:
        answers.append(execute(*arguments, **options))
        if len(answers) == 1:
            raise OperationalError("the connection ended")
        return answers[-1]

    ledger._database.execute_once = lose_the_first_answer  # type: ignore[method-assign]
    (opened,) = ledger.begin(mail(), ANN).attempts
    assert (opened.number, opened.resumed) == (1, False)
    (row,) = rows(ROW)
    assert (row["attempts"], row["in_doubt"], row["state"]) == (1, 0, "attempting")
