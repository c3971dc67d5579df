import pytest

from shared.worker import Retry
from tests.integration.mail_relay.conftest import MakeRelay, Rows
from tests.integration.mail_relay.scripted_server import ScriptedServer
from tests.unit.mail_relay.mails import mail

pytestmark = pytest.mark.integration


def test_one_connection_serves_many_mails_and_says_goodbye(make_relay: MakeRelay) -> None:
    with ScriptedServer() as server:
        relay = make_relay(server.url)
        for number in range(5):
            relay.deliver(mail(mail_id=f"mail-{number}"))
        relay.close()
    assert (server.connections, server.count("ehlo mx1.mailroom.example"), server.count("quit")) == (1, 1, 1)
    assert len(server.messages) == 5


def test_a_connection_is_opened_anew_after_so_many_mails(make_relay: MakeRelay) -> None:
    with ScriptedServer() as server:
        relay = make_relay(server.url, mails_per_connection=2)
        for number in range(5):
            relay.deliver(mail(mail_id=f"mail-{number}"))
        relay.close()
    assert (server.connections, server.count("quit")) == (3, 3)


def test_an_idle_connection_is_opened_anew(make_relay: MakeRelay) -> None:
    with ScriptedServer() as server:
        relay = make_relay(server.url, idle_timeout="0ms")
        relay.deliver(mail(mail_id="mail-1"))
        relay.deliver(mail(mail_id="mail-2"))
        relay.close()
    assert server.connections == 2


def test_a_kept_connection_the_server_has_closed_is_replaced_at_once(make_relay: MakeRelay) -> None:
    with ScriptedServer(mails_per_connection=1) as server:
        relay = make_relay(server.url)
        for number in range(3):
            relay.deliver(mail(mail_id=f"mail-{number}"))
        relay.close()
    assert len(server.messages) == 3


def test_a_server_that_closes_down_defers_the_mail(make_relay: MakeRelay) -> None:
    with ScriptedServer(replies={"RCPT": "421 4.3.2 closing"}) as server:
        relay = make_relay(server.url)
        with pytest.raises(Retry, match=r"421 4\.3\.2 closing"):
            relay.deliver(mail())
        relay.close()
    assert server.count("DATA") == 0


def test_after_a_transaction_without_text_the_next_one_starts_clean(make_relay: MakeRelay) -> None:
    with ScriptedServer(replies={"RCPT TO:<bob": "550 5.1.1 no"}) as server:
        relay = make_relay(server.url)
        relay.deliver(mail(mail_id="mail-1", rcpt_to=("bob@example.org",)))
        relay.deliver(mail(mail_id="mail-2"))
        relay.close()
    words = [command.split(" ")[0] for command in server.commands]
    assert words == ["ehlo", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA", "quit"]
    assert server.connections == 1


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("HELP",)])
def test_many_recipients_go_in_one_transaction_with_or_without_pipelining(
    make_relay: MakeRelay, extensions: tuple[str, ...]
) -> None:
    crowd = tuple(f"user{number}@example.org" for number in range(250))
    with ScriptedServer(extensions=extensions) as server:
        relay = make_relay(server.url)
        relay.deliver(mail(rcpt_to=crowd))
        relay.close()
    assert (server.count("MAIL"), server.count("RCPT"), server.count("DATA")) == (1, 250, 1)


def test_a_server_without_8bitmime_gets_no_eight_bit_mail(make_relay: MakeRelay, rows: Rows) -> None:
    with ScriptedServer(extensions=("PIPELINING",)) as server:
        relay = make_relay(server.url)
        relay.deliver(mail(body="8bitmime"))
        relay.close()
    assert server.count("MAIL") == 0
    (entry,) = rows("SELECT * FROM mailroom.queue_entry")
    assert (entry["smtp_status"], entry["enhanced_status"]) == (554, "5.6.3")


def test_a_server_without_smtputf8_serves_only_ascii_recipients(make_relay: MakeRelay, rows: Rows) -> None:
    with ScriptedServer(extensions=("PIPELINING",)) as server:
        relay = make_relay(server.url)
        relay.deliver(mail(rcpt_to=("ann@example.org", "jörg@example.org")))
        relay.close()
    assert (server.count("RCPT TO:<ann@example.org>"), server.count("RCPT")) == (1, 1)
    (entry,) = rows("SELECT * FROM mailroom.queue_entry")
    assert (entry["recipient"], entry["smtp_status"]) == ("jörg@example.org", 553)
    assert entry["enhanced_status"] == "5.6.7"


def test_what_the_server_offers_is_used(make_relay: MakeRelay) -> None:
    with ScriptedServer() as server:
        relay = make_relay(server.url)
        relay.deliver(mail(rcpt_to=("jörg@example.org",), body="8bitmime", kind="ndr", mail_from=""))
        relay.close()
    size = len(server.messages[0])
    assert f"MAIL FROM:<> SIZE={size} BODY=8BITMIME SMTPUTF8" in server.commands
    assert "RCPT TO:<jörg@example.org> NOTIFY=NEVER" in server.commands


def test_an_answer_that_is_no_reply_defers(make_relay: MakeRelay) -> None:
    with ScriptedServer(replies={"MAIL": "hello there"}) as server:
        relay = make_relay(server.url)
        with pytest.raises(Retry, match="what is no SMTP reply"):
            relay.deliver(mail())
        relay.close()


def test_credentials_are_not_given_to_a_server_that_does_not_ask(make_relay: MakeRelay) -> None:
    with ScriptedServer() as server:
        relay = make_relay(server.url.replace("smtp://", "smtp://ann:secret@"))
        with pytest.raises(Retry, match="cannot be used") as retry:
            relay.deliver(mail())
        relay.close()
    assert "secret" not in str(retry.value)
    assert server.count("MAIL") == 0


def test_an_attempt_ends_before_another_relay_may_begin_one(make_relay: MakeRelay) -> None:
    with ScriptedServer(replies={"RCPT": ""}) as server:
        relay = make_relay(server.url, attempt_lease="200ms")
        with pytest.raises(Retry, match="timed out"):
            relay.deliver(mail())
        relay.close()
    assert server.count("DATA") == 0
