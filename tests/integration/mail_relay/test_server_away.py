import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from psycopg_pool import ConnectionPool

from demo.catcher import Catcher
from services.mail_relay.connection import ConnectionLost
from services.mail_relay.ledger import Ledger
from services.mail_relay.limits import Limits
from services.mail_relay.relay import Relay
from services.mail_relay.server import SmtpServer
from services.mail_relay.submission import Submission
from shared.broker.events import Events
from shared.settings.relay import RelaySettings
from shared.worker import Retry
from tests.integration.mail_relay.conftest import Counted, MakeRelay, Rows
from tests.integration.mail_relay.scripted_server import ScriptedServer
from tests.unit.mail_relay.mails import mail

pytestmark = pytest.mark.integration

LEDGER = "SELECT * FROM mailroom.mail_delivery ORDER BY mail_id"


class Switched(Submission):
    """Cannot connect until it is switched on."""

    on = False

    def connect(self) -> None:
        if not self.on:
            raise ConnectionLost("the mail server cannot be used (switched off)")
        super().connect()


Away = tuple[Relay, list[Switched], Catcher]


@pytest.fixture
def unreachable() -> str:
    with ScriptedServer() as server:
        return server.url


def test_a_mail_that_was_never_offered_has_had_no_attempt(
    make_relay: MakeRelay, rows: Rows, counted: Counted, unreachable: str
) -> None:
    with pytest.raises(Retry, match="cannot be used") as retry:
        make_relay(unreachable).deliver(mail())
    assert (retry.value.limited, retry.value.delay) == (False, timedelta(0))
    (row,) = rows(LEDGER)
    assert (row["state"], row["attempts"], row["in_doubt"], row["leased_until"]) == ("deferred", 0, 0, None)
    assert (counted("not-offered"), counted("deferred")) == (1, 0)


def test_while_the_server_is_away_mails_wait_and_do_not_reach_the_ledger(
    make_relay: MakeRelay, rows: Rows, unreachable: str
) -> None:
    relay = make_relay(unreachable)
    for mail_id in ("mail-1", "mail-2", "mail-3"):
        with pytest.raises(Retry) as retry:
            relay.deliver(mail(mail_id=mail_id))
        assert not retry.value.limited
    assert [row["mail_id"] for row in rows(LEDGER)] == ["mail-1"]


def test_a_mail_whose_time_is_over_needs_no_server(
    make_relay: MakeRelay, rows: Rows, unreachable: str
) -> None:
    relay = make_relay(unreachable)
    with pytest.raises(Retry):
        relay.deliver(mail())
    relay.deliver(mail(expires_at=mail().created_at))
    (row,) = rows(LEDGER)
    assert (row["state"], row["enhanced_status"]) == ("failed", "4.4.7")
    assert "cannot be used" in row["reply"]
    assert len(rows("SELECT FROM mailroom.queue_entry")) == 1


@pytest.fixture
def away(ledger: Ledger, pool: ConnectionPool) -> Iterator[Away]:
    """A relay of two connections to a catcher that cannot be reached until they are switched on."""
    with Catcher() as catcher:
        settings = RelaySettings()
        smtp = SmtpServer.from_url(catcher.smtp_url)
        submissions = [Switched(smtp, "mx1.mailroom.example", settings) for _ in range(2)]
        limits = Limits(pool, {}, ledger.lease)
        relay = Relay(ledger, submissions, settings, limits, Events.off(), patience=60)
        with pytest.raises(Retry):
            relay.deliver(mail(mail_id="mail-0"))
        yield relay, submissions, catcher
        relay.close()


def test_all_that_wait_are_sent_when_the_server_is_back(away: Away, rows: Rows) -> None:
    relay, submissions, catcher = away
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(relay.deliver, mail(mail_id=f"mail-{number}")) for number in range(8)]
        for submission in submissions:
            submission.on = True
        for each in waiting:
            each.result(30)
        assert len(catcher.messages) == 8
    assert {(row["state"], row["attempts"]) for row in rows(LEDGER)} == {("delivered", 1)}


def test_a_relay_that_is_to_stop_does_not_wait_for_the_server(away: Away) -> None:
    relay, _, _ = away
    begun = threading.Barrier(3)

    def deliver(number: int) -> str:
        begun.wait()
        with pytest.raises(Retry) as retry:
            relay.deliver(mail(mail_id=f"mail-{number}"))
        return str(retry.value)

    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(deliver, number) for number in range(2)]
        begun.wait()
        relay.stop_waiting()
        assert all("switched off" in each.result(10) for each in waiting)
