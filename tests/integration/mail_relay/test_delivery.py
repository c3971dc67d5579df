import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from demo.catcher import Catcher
from demo.roles import acting_as
from services.mail_relay.attempt import postponed, refused_as_malformed
from services.mail_relay.database import open_pool
from services.mail_relay.ledger import Ledger
from services.mail_relay.relay import Relay
from shared.broker.events import Events
from shared.broker.message import Outgoing
from shared.wire.event import Event
from shared.worker import Poison, Retry
from tests.integration.mail_relay.conftest import Counted, MakeRelay, Rows, relay_of
from tests.integration.mail_relay.scripted_server import ScriptedServer
from tests.unit.mail_relay.mails import MESSAGE, mail

pytestmark = pytest.mark.integration

LEDGER = "SELECT * FROM mailroom.mail_delivery ORDER BY recipient"
QUEUE = "SELECT * FROM mailroom.queue_entry ORDER BY recipient"
SPOOL = "SELECT * FROM mailroom.spooled_message"


def states(rows: Rows) -> dict[str, str]:
    return {row["recipient"]: row["state"] for row in rows(LEDGER)}


def test_a_mail_is_delivered_once_and_its_repetition_dropped(
    make_relay: MakeRelay, rows: Rows, counted: Counted
) -> None:
    with Catcher() as catcher:
        relay = make_relay(catcher.smtp_url)
        relay.deliver(mail())
        relay.deliver(mail())
        (caught,) = catcher.messages
        relay.close()
    assert (caught.mail_from, caught.rcpt_tos) == ("reports@example.com", ("ann@example.org",))
    assert caught.content == MESSAGE
    (row,) = rows(LEDGER)
    assert (row["state"], row["attempts"], row["in_doubt"], row["smtp_status"]) == ("delivered", 1, 0, 250)
    assert (row["enhanced_status"], row["remote_mta"], row["kind"]) == ("2.0.0", "127.0.0.1", "report")
    assert row["leased_until"] is None
    assert row["finished_at"]
    assert (counted("delivered"), counted("repeated")) == (1, 1)


def test_each_recipient_has_its_own_result_and_only_the_deferred_one_is_tried_again(
    make_relay: MakeRelay, rows: Rows, counted: Counted
) -> None:
    refusals = {"bob@example.org": "550-5.1.1 no\r\n550 5.1.1 such user", "cid@example.org": "451 4.3.0 busy"}
    three = mail(rcpt_to=("ann@example.org", "bob@example.org", "cid@example.org"))
    with Catcher(answer=lambda _, rcpt: refusals.get(rcpt)) as catcher:
        relay = make_relay(catcher.smtp_url)
        with pytest.raises(Retry, match=r"1 deferred; cid@example\.org: 451 4\.3\.0 busy") as retry:
            relay.deliver(three)
        assert states(rows) == {
            "ann@example.org": "delivered",
            "bob@example.org": "failed",
            "cid@example.org": "deferred",
        }
        del refusals["cid@example.org"]
        relay.deliver(three)
        first, second = catcher.messages
        relay.close()
    assert retry.value.limited
    assert (first.rcpt_tos, second.rcpt_tos) == (("ann@example.org",), ("cid@example.org",))
    assert states(rows)["cid@example.org"] == "delivered"
    assert (counted("delivered"), counted("failed"), counted("deferred")) == (2, 1, 1)

    (spooled,) = rows(SPOOL)
    assert spooled["sender"] == "reports@example.com"
    assert (spooled["content"], spooled["received_at"]) == (MESSAGE, three.created_at)
    assert spooled["received_from"] is None
    (entry,) = rows(QUEUE)
    assert (entry["message_id"], entry["recipient"]) == (spooled["message_id"], "bob@example.org")
    assert (entry["status"], entry["smtp_status"], entry["enhanced_status"]) == ("bounced", 550, "5.1.1")
    assert entry["diagnostic"] == "550-5.1.1 no\n550 5.1.1 such user"
    assert (entry["remote_mta"], str(entry["remote_ip"]), entry["attempts"]) == ("127.0.0.1", "127.0.0.1", 1)
    assert entry["bounced_at"] >= entry["last_attempt_at"]
    assert (entry["ndr_id"], entry["leased_until"]) == (None, None)


def test_a_refused_notification_is_a_double_bounce_and_never_bounced(
    make_relay: MakeRelay, rows: Rows, counted: Counted
) -> None:
    with Catcher(answer=lambda *_: "550 5.1.1 no such user") as catcher:
        relay = make_relay(catcher.smtp_url)
        relay.deliver(mail(kind="ndr", mail_from=""))
        relay.close()
    assert states(rows) == {"ann@example.org": "failed"}
    assert (rows(SPOOL), rows(QUEUE)) == ([], [])
    assert (counted("double-bounce"), counted("failed")) == (1, 0)


def test_a_message_refused_after_its_text_fails_for_all_who_were_accepted(
    make_relay: MakeRelay, rows: Rows
) -> None:
    with Catcher(answer_data=lambda *_: "554 5.7.1 not wanted") as catcher:
        relay = make_relay(catcher.smtp_url)
        relay.deliver(mail(rcpt_to=("ann@example.org", "bob@example.org")))
        relay.close()
    assert [entry["enhanced_status"] for entry in rows(QUEUE)] == ["5.7.1", "5.7.1"]
    assert len(rows(SPOOL)) == 1


def test_a_connection_lost_after_the_text_leaves_doubt_and_the_mail_is_sent_again(
    make_relay: MakeRelay, rows: Rows, counted: Counted
) -> None:
    with ScriptedServer(losses=1) as server:
        relay = make_relay(server.url)
        with pytest.raises(Retry, match="after the message was sent"):
            relay.deliver(mail())
        (row,) = rows(LEDGER)
        assert (row["state"], row["in_doubt"], row["leased_until"]) == ("deferred", 1, None)
        relay.deliver(mail())
        relay.close()
    (row,) = rows(LEDGER)
    assert (row["state"], row["in_doubt"], row["attempts"]) == ("delivered", 1, 2)
    assert server.messages == [MESSAGE]
    assert (counted("in-doubt"), counted("delivered"), counted("deferred")) == (1, 1, 0)


def test_deliveries_in_doubt_can_be_counted(make_relay: MakeRelay, ledger: Ledger) -> None:
    assert ledger.count_in_doubt() == 0
    with ScriptedServer(losses=1) as server:
        relay = make_relay(server.url)
        with pytest.raises(Retry):
            relay.deliver(mail())
        assert ledger.count_in_doubt() == 1
        relay.deliver(mail())
        relay.close()
    assert ledger.count_in_doubt() == 0


def test_an_unreachable_server_defers_without_doubt(make_relay: MakeRelay, rows: Rows) -> None:
    with ScriptedServer() as server:
        url = server.url
    with pytest.raises(Retry, match="cannot be used"):
        make_relay(url).deliver(mail())
    (row,) = rows(LEDGER)
    assert (row["state"], row["in_doubt"], row["leased_until"]) == ("deferred", 0, None)


def test_a_mail_past_its_time_is_given_up_with_the_last_reply(make_relay: MakeRelay, rows: Rows) -> None:
    with Catcher(answer=lambda *_: "451 4.3.0 busy") as catcher:
        relay = make_relay(catcher.smtp_url)
        with pytest.raises(Retry):
            relay.deliver(mail())
        relay.deliver(mail(expires_at=mail().created_at))
        relay.close()
    assert states(rows) == {"ann@example.org": "failed"}
    (entry,) = rows(QUEUE)
    assert (entry["smtp_status"], entry["enhanced_status"]) == (451, "4.4.7")
    assert (entry["diagnostic"], entry["attempts"]) == ("451 4.3.0 busy", 2)
    assert (entry["remote_mta"], entry["remote_ip"]) == ("127.0.0.1", None)


@pytest.mark.parametrize(
    "hostile",
    ["eve@example.org>\r\nRCPT TO:<ann@example.org", "eve\0@example.org", "eve x@example.org", "e" * 9000],
)
def test_a_hostile_recipient_never_reaches_the_socket(
    make_relay: MakeRelay, rows: Rows, hostile: str
) -> None:
    with ScriptedServer() as server:
        relay = make_relay(server.url)
        relay.deliver(mail(rcpt_to=("bob@example.org", hostile)))
        relay.close()
    assert [command for command in server.commands if command.startswith("RCPT")] == [
        "RCPT TO:<bob@example.org>"
    ]
    (entry,) = rows(QUEUE)
    assert (entry["enhanced_status"], entry["remote_mta"]) == ("5.1.3", None)
    assert entry["diagnostic"].startswith("the address ")
    assert sorted(states(rows).values()) == ["delivered", "failed"]


@pytest.mark.parametrize(
    "unusable", [{"mail_from": "a@b.example>\r\nDATA"}, {"mail_id": ""}, {"mail_id": "a\0b"}]
)
def test_an_envelope_nobody_could_be_told_about_is_poison(
    make_relay: MakeRelay, rows: Rows, unusable: dict[str, str]
) -> None:
    with ScriptedServer() as server, pytest.raises(Poison):
        make_relay(server.url).deliver(mail(**unusable))
    assert (server.connections, rows(LEDGER)) == (0, [])


def test_leading_dots_survive_byte_for_byte(make_relay: MakeRelay) -> None:
    message = b"Subject: dots\r\n\r\n.\r\n..\r\n.hidden\r\nnot .this\r\n...\r\n"
    with Catcher() as catcher:
        relay = make_relay(catcher.smtp_url)
        relay.deliver(mail(message=message))
        (caught,) = catcher.messages
        relay.close()
    assert caught.content == message


def test_the_attempt_of_another_relay_is_respected(make_relay: MakeRelay, ledger: Ledger, rows: Rows) -> None:
    ledger.begin(mail(), ["ann@example.org"])
    with ScriptedServer() as server, pytest.raises(Retry, match="another relay is at it") as retry:
        make_relay(server.url).deliver(mail())
    assert not retry.value.limited
    assert server.connections == 0
    assert states(rows) == {"ann@example.org": "attempting"}


def test_the_attempt_of_a_dead_relay_is_in_doubt_and_made_again(
    make_relay: MakeRelay, ledger: Ledger, rows: Rows, counted: Counted
) -> None:
    ledger.begin(mail(), ["ann@example.org"])
    rows("UPDATE mailroom.mail_delivery SET leased_until = now() - interval '1 second'")
    assert ledger.count_in_doubt() == 1
    with ScriptedServer() as server:
        relay = make_relay(server.url)
        relay.deliver(mail())
        relay.close()
    (row,) = rows(LEDGER)
    assert (row["state"], row["in_doubt"], row["attempts"]) == ("delivered", 1, 2)
    assert counted("in-doubt") == 1
    assert server.messages == [MESSAGE]


def test_a_relay_that_overslept_its_lease_changes_nothing(
    make_relay: MakeRelay, ledger: Ledger, rows: Rows
) -> None:
    late = ledger.begin(mail(), ["ann@example.org"])
    rows("UPDATE mailroom.mail_delivery SET leased_until = now() - interval '1 second'")
    ledger.begin(mail(), ["ann@example.org"])
    ledger.record(mail(), late.attempts, [postponed("ann@example.org", "too late")], MESSAGE)
    (row,) = rows(LEDGER)
    assert (row["state"], row["attempts"], row["reply"]) == ("attempting", 2, None)


def test_results_recorded_twice_bounce_once(ledger: Ledger, rows: Rows) -> None:
    begun = ledger.begin(mail(), ["ann@example.org"])
    failed = [refused_as_malformed("ann@example.org", "no")]
    ledger.record(mail(), begun.attempts, failed, MESSAGE)
    ledger.record(mail(), begun.attempts, failed, MESSAGE)
    assert (len(rows(SPOOL)), len(rows(QUEUE))) == (1, 1)


def test_a_cut_database_connection_costs_neither_mail_nor_result(
    make_relay: MakeRelay, pool: ConnectionPool, rows: Rows
) -> None:
    def cut(*_: object) -> None:
        rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mail_relay'")

    pool.wait()
    cut()
    with Catcher(answer_data=cut) as catcher:
        relay = make_relay(catcher.smtp_url)
        relay.deliver(mail())
        relay.deliver(mail())
        relay.close()
        assert len(catcher.messages) == 1
    (row,) = rows(LEDGER)
    assert (row["state"], row["attempts"], row["in_doubt"]) == ("delivered", 1, 0)


def test_of_two_relays_that_get_the_same_mail_at_once_one_sends_it(make_relay: MakeRelay, rows: Rows) -> None:
    waiting = mail(rcpt_to=tuple(f"user{number}@example.org" for number in range(20)))
    start = threading.Barrier(2)

    def deliver(relay: Relay) -> str:
        start.wait()
        try:
            relay.deliver(waiting)
        except Retry as retry:
            return str(retry)
        return "done"

    with Catcher() as catcher, ThreadPoolExecutor(2) as threads:
        relays = [make_relay(catcher.smtp_url), make_relay(catcher.smtp_url)]
        outcomes = set(threads.map(deliver, relays))
        for relay in relays:
            relay.close()
        assert len(catcher.messages) == 1
    # the second may also come when the first has finished
    assert outcomes <= {"done", "another relay is at it"}
    assert set(states(rows).values()) == {"delivered"}


def test_of_many_mails_that_two_relays_of_many_threads_get_at_once_each_is_sent_once(
    pool: ConnectionPool, database_url: str, rows: Rows
) -> None:
    names = [f"mail-{number}" for number in range(150)]

    def deliver(relay: Relay, mail_id: str) -> None:
        with suppress(Retry):
            relay.deliver(mail(mail_id=mail_id, rcpt_to=("ann@example.org", "bob@example.org")))

    with (
        Catcher() as catcher,
        open_pool(acting_as(database_url, "worker"), size=4) as other_pool,
        ThreadPoolExecutor(16) as threads,
    ):
        relays = [relay_of(each, catcher.smtp_url, connections=4) for each in (pool, other_pool)]
        waiting = [
            threads.submit(deliver, relay, mail_id)
            for order in (names, names[::-1])
            for pair in zip(order, order, strict=True)
            for relay, mail_id in zip(relays, pair, strict=True)
        ]
        for each in waiting:
            each.result(60)
        for relay in relays:
            relay.close()
        assert len(catcher.messages) == len(names)
    assert {(row["state"], row["attempts"], row["in_doubt"]) for row in rows(LEDGER)} == {("delivered", 1, 0)}


def test_the_results_of_a_group_bounce_each_with_its_own_message(ledger: Ledger, rows: Rows) -> None:
    def record(number: int) -> None:
        sent = mail(mail_id=f"mail-{number}", mail_from=f"from{number}@example.com")
        to = [f"{name}{number}@example.org" for name in ("ann", "bob")]
        begun = ledger.begin(sent, to)
        start.wait()
        results = [refused_as_malformed(to[0], "no"), postponed(to[1], "busy")]
        ledger.record(sent, begun.attempts, results, str(number).encode())

    start = threading.Barrier(12)
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(record, range(12)))
    bounced = rows(
        "SELECT sender, recipient, convert_from(content, 'UTF8') AS content"
        " FROM mailroom.queue_entry JOIN mailroom.spooled_message USING (message_id)"
    )
    assert sorted((row["sender"], row["recipient"], row["content"]) for row in bounced) == sorted(
        (f"from{number}@example.com", f"ann{number}@example.org", str(number)) for number in range(12)
    )


def test_a_value_that_postgresql_cannot_keep_hurts_only_its_own_mail(ledger: Ledger, rows: Rows) -> None:
    start = threading.Barrier(8)

    def begin(number: int) -> str:
        start.wait()
        kind = "re\0port" if number == 3 else "report"
        try:
            ledger.begin(mail(mail_id=f"mail-{number}", kind=kind), ["ann@example.org"])
        except psycopg.DataError:
            return f"mail-{number}"
        return "begun"

    with ThreadPoolExecutor(8) as threads:
        outcomes = sorted(threads.map(begin, range(8)))
    assert outcomes == ["begun"] * 7 + ["mail-3"]
    assert len(rows(LEDGER)) == 7


def test_a_failing_mail_waits_as_its_schedule_says(make_relay: MakeRelay) -> None:
    with Catcher(answer=lambda *_: "451 4.3.0 busy") as catcher:
        relay = make_relay(catcher.smtp_url, retry_after="1m | 5m", retry_jitter=0)
        waits = []
        for _ in range(3):
            with pytest.raises(Retry) as retry:
                relay.deliver(mail())
            waits.append(retry.value.delay)
        with pytest.raises(Retry) as last:
            relay.deliver(mail(expires_at=datetime.now(UTC) + timedelta(seconds=30)))
        relay.close()
    assert waits == [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=5)]
    assert last.value.delay is not None
    assert last.value.delay <= timedelta(seconds=31), "the mail expires before"


def test_results_are_announced_for_each_recipient(pool: ConnectionPool, rows: Rows) -> None:
    posted: list[Event] = []

    class Posting:
        def post(self, messages: list[Outgoing]) -> None:
            posted.extend(Event.decode(message.type, message.body) for message in messages)

    answers = {"bob@example.org": "550 5.1.1 no", "cid@example.org": "451 4.3.0 busy"}
    with Catcher(answer=lambda _, rcpt: answers.get(rcpt)) as catcher:
        relay = relay_of(pool, catcher.smtp_url, events=Events("events", Posting()))
        with pytest.raises(Retry):
            relay.deliver(mail(rcpt_to=("ann@example.org", *answers)))
        relay.close()
    assert {(event.event, event.details["recipient"]) for event in posted} == {
        ("mail.delivered", "ann@example.org"),
        ("mail.failed", "bob@example.org"),
        ("mail.deferred", "cid@example.org"),
    }
    assert {event.subject_id for event in posted} == {"mail-1"}
