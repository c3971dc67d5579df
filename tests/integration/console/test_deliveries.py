"""`mailroom deliveries`, and what replay and discard decide about held deliveries."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from demo.servers.rabbitmq import Broker
from services.mail_relay.attempt import Peer, answered, held_if_in_doubt, postponed
from services.mail_relay.database import open_pool
from services.mail_relay.ledger import Ledger
from services.mail_relay.reply import Reply
from shared.broker import Outcome, Outgoing, Topology
from shared.broker.publisher import Publisher
from shared.worker.runtime import FAILURE, ORIGIN, REASON
from tests.integration.console.conftest import Mailroom
from tests.unit.mail_relay.mails import MESSAGE, mail

pytestmark = pytest.mark.integration
PEER = Peer("mx.example.org", "192.0.2.1")
HELD = mail(mail_id="mail-held", rcpt_to=("ann@example.org",))


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """A ledger with one delivered mail, one failed and one held."""
    with open_pool(database_url, size=2) as pool:
        ledger = Ledger(pool, timedelta(minutes=2), hold=True)
        for mail_id, result in (
            ("mail-delivered", answered("ann@example.org", Reply(250, ("2.0.0 OK",)), PEER)),
            ("mail-failed", answered("ann@example.org", Reply(550, ("5.1.1 no",)), PEER)),
            ("mail-held", held_if_in_doubt(postponed("ann@example.org", "lost", PEER, in_doubt=True))),
        ):
            sent = mail(mail_id=mail_id)
            begun = ledger.begin(sent, ["ann@example.org"])
            ledger.record(sent, begun.attempts, [result], MESSAGE)
        yield ledger


@pytest.fixture
def parked(ledger: Ledger, broker: Broker, publisher: Publisher) -> None:
    headers = {ORIGIN: "mail-out", REASON: "1 held", FAILURE: "Poison"}
    exchange = Topology(broker.prefix).parked_exchange
    message = Outgoing(exchange, "", HELD.message_id, HELD.TYPE, HELD.encode(), headers)
    assert publisher.publish([message]) == [Outcome.CONFIRMED]


def test_deliveries_can_be_listed_by_what_became_of_them(mailroom: Mailroom, ledger: Ledger) -> None:
    def listed(*options: str) -> list[str]:
        return [row["mail_id"] for row in mailroom.json("deliveries", "list", *options)]

    assert listed() == ["mail-held", "mail-failed", "mail-delivered"]
    assert listed("--failed") == ["mail-failed"]
    assert listed("--in-doubt") == ["mail-held"]
    assert listed("--state", "delivered") == ["mail-delivered"]
    assert listed("--limit", "1") == ["mail-held"]
    assert "550 5.1.1 no" in mailroom("deliveries", "list").stdout


def test_a_mail_shows_all_that_is_known_of_it_and_an_unknown_one_the_nearest(
    mailroom: Mailroom, ledger: Ledger
) -> None:
    (shown,) = mailroom.json("deliveries", "show", "mail-failed")
    assert (shown["recipient"], shown["smtp_status"], shown["remote_mta"]) == (
        "ann@example.org",
        550,
        "mx.example.org",
    )
    assert "5.1.1" in mailroom("deliveries", "show", "mail-failed").stdout
    unknown = mailroom("deliveries", "show", "mail-fialed")
    assert "did you mean 'mail-failed'?" in str(unknown.exception)


def test_a_replay_lets_the_held_recipients_go(mailroom: Mailroom, ledger: Ledger, parked: None) -> None:
    assert mailroom.json("parked", "replay", "mail-held") == {"replayed": ["mail-held"]}
    (row,) = mailroom.json("deliveries", "show", "mail-held")
    assert (row["state"], row["in_doubt"]) == ("deferred", 1)
    assert ledger.begin(HELD, ["ann@example.org"]).attempts


def test_a_discard_leaves_them_at_that(mailroom: Mailroom, ledger: Ledger, parked: None) -> None:
    assert mailroom.json("parked", "discard", "mail-held") == {"discarded": ["mail-held"]}
    (row,) = mailroom.json("deliveries", "show", "mail-held")
    assert row["state"] == "held"
    assert row["finished_at"]
    assert mailroom.json("deliveries", "list", "--in-doubt") == []
