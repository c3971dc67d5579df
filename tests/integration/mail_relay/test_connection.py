import base64
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from services.mail_relay.connection import Connection, ConnectionLost
from services.mail_relay.reply import Verdict
from services.mail_relay.server import SmtpServer
from services.mail_relay.submission import Submission
from shared.settings.relay import RelaySettings
from tests.integration.mail_relay.scripted_server import ScriptedServer
from tests.integration.mail_relay.submitting import quick_timeouts, submit, submitting
from tests.unit.mail_relay.mails import MESSAGE, mail

pytestmark = pytest.mark.integration

SOON = timedelta(milliseconds=200)


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket]]:
    """A connection and the server's end of it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stream = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
    connection = Connection(stream, "mx.example.org", quick_timeouts())
    with server:
        yield connection, server
    connection.close()


def offered(submission: Submission, *recipients: str) -> dict[str, Verdict]:
    results = submission.submit(mail(rcpt_to=recipients), recipients, MESSAGE)
    return {result.recipient: result.verdict for result in results}


# -- reuse ---------------------------------------------------------------------------------------------------


def test_one_connection_serves_many_mails_and_says_goodbye() -> None:
    with ScriptedServer() as server:
        with submitting(server.url) as submission:
            for number in range(5):
                submit(submission, mail_id=f"mail-{number}")
        assert (server.connections, server.count("EHLO mx1.mailroom.example"), server.count("QUIT")) == (
            1,
            1,
            1,
        )
        assert len(server.messages) == 5


@pytest.mark.parametrize(
    ("limit", "connections"),
    [
        ({"mails_per_connection": 2}, 3),
        ({"idle_timeout": "0ms"}, 5),
        ({"connection_lifetime": "0ms"}, 5),
    ],
)
def test_a_connection_is_opened_anew_past_each_of_its_limits(limit: dict[str, str], connections: int) -> None:
    with ScriptedServer() as server:
        with submitting(server.url, **limit) as submission:
            for number in range(5):
                submit(submission, mail_id=f"mail-{number}")
        assert (server.connections, server.count("QUIT")) == (connections, connections)


def test_a_kept_connection_the_server_has_closed_is_replaced_at_once() -> None:
    with ScriptedServer(mails_per_connection=1) as server:
        with submitting(server.url) as submission:
            verdicts = [submit(submission, mail_id=f"mail-{number}").verdict for number in range(3)]
        assert verdicts == [Verdict.DELIVERED] * 3
        assert len(server.messages) == 3


def test_a_kept_connection_is_replaced_only_once() -> None:
    with ScriptedServer() as server, submitting(server.url) as submission:
        submit(submission)
        server._replies["MAIL"] = "421 4.3.2 closing"
        result = submit(submission)
        assert (server.connections, server.count("MAIL")) == (2, 3)
    assert (result.verdict, result.reply) == (Verdict.DEFERRED, "421 4.3.2 closing")


def test_what_the_server_said_or_did_since_the_last_reply_is_noticed(
    ends: tuple[Connection, socket.socket],
) -> None:
    connection, server = ends
    assert connection.is_quiet()
    server.shutdown(socket.SHUT_WR)
    assert not connection.is_quiet()


def test_a_connection_can_be_had_before_there_is_a_mail() -> None:
    with ScriptedServer() as server, submitting(server.url) as submission:
        submission.connect()
        submission.connect()
        submit(submission)
        assert (server.connections, server.count("EHLO")) == (1, 1)
    with pytest.raises(ConnectionLost, match="cannot be used"):
        submission.connect()


def test_a_server_that_does_not_greet_can_not_be_used() -> None:
    with (
        ScriptedServer(greeting="554 5.3.2 not today") as server,
        submitting(server.url) as submission,
        pytest.raises(ConnectionLost, match=r"127\.0\.0\.1:\d+ cannot be used \(554 5\.3\.2 not today\)"),
    ):
        submission.connect()


def test_a_server_without_ehlo_is_greeted_with_helo() -> None:
    with ScriptedServer(replies={"EHLO": "502 5.5.1 what?"}) as server:
        with submitting(server.url) as submission:
            result = submit(submission)
        assert server.commands[:3] == [
            "EHLO mx1.mailroom.example",
            "HELO mx1.mailroom.example",
            "MAIL FROM:<reports@example.com>",
        ]
    assert result.verdict is Verdict.DELIVERED


# -- transactions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_closes_down_defers_the_mail(command: str) -> None:
    with ScriptedServer(replies={command: "421 4.3.2 closing"}) as server:
        with submitting(server.url) as submission:
            result = submit(submission)
        assert server.messages == []
    assert (result.verdict, result.in_doubt) == (Verdict.DEFERRED, False)
    assert "421 4.3.2 closing" in result.reply


def test_a_server_that_closes_down_after_the_text_has_not_taken_it() -> None:
    with ScriptedServer(final="421 4.3.2 closing") as server, submitting(server.url) as submission:
        result = submit(submission)
        assert (result.verdict, result.in_doubt, result.smtp_status) == (Verdict.DEFERRED, False, 421)
        submit(submission)
        assert server.connections == 2


def test_a_connection_lost_after_the_text_leaves_doubt_and_before_it_none() -> None:
    with ScriptedServer(losses=1) as server, submitting(server.url) as submission:
        result = submit(submission)
    assert (result.verdict, result.in_doubt) == (Verdict.DEFERRED, True)
    with ScriptedServer(replies={"DATA": "200 what"}) as server, submitting(server.url) as submission:
        result = submit(submission)
    assert (result.verdict, result.in_doubt) == (Verdict.DEFERRED, False)


def test_after_a_transaction_without_text_the_next_one_starts_clean() -> None:
    with ScriptedServer(replies={"RCPT TO:<bob": "550 5.1.1 no"}) as server:
        with submitting(server.url) as submission:
            assert offered(submission, "bob@example.org") == {"bob@example.org": Verdict.FAILED}
            assert offered(submission, "ann@example.org") == {"ann@example.org": Verdict.DELIVERED}
        words = [command.split(" ")[0] for command in server.commands]
    assert words == ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA", "QUIT"]


def test_each_recipient_of_a_transaction_gets_its_own_result() -> None:
    replies = {"RCPT TO:<bob": "550 5.1.1 no", "RCPT TO:<cid": "450 4.2.1 later"}
    with ScriptedServer(replies=replies) as server, submitting(server.url) as submission:
        assert offered(submission, "ann@example.org", "bob@example.org", "cid@example.org", "e>") == {
            "ann@example.org": Verdict.DELIVERED,
            "bob@example.org": Verdict.FAILED,
            "cid@example.org": Verdict.DEFERRED,
            "e>": Verdict.FAILED,
        }
        assert (server.count("MAIL"), server.count("RCPT"), server.count("DATA")) == (1, 3, 1)


@pytest.mark.parametrize("extensions", [("PIPELINING",), ("HELP",)])
def test_many_recipients_go_in_one_transaction_with_or_without_pipelining(
    extensions: tuple[str, ...],
) -> None:
    crowd = tuple(f"user{number}@example.org" for number in range(250))
    with ScriptedServer(extensions=extensions) as server:
        with submitting(server.url) as submission:
            assert set(offered(submission, *crowd).values()) == {Verdict.DELIVERED}
        assert (server.count("MAIL"), server.count("RCPT"), server.count("DATA")) == (1, 250, 1)


def test_commands_are_pipelined_in_one_write(ends: tuple[Connection, socket.socket]) -> None:
    connection, server = ends
    connection.extensions = {"pipelining": ""}
    server.sendall(b"250 1\r\n250 2\r\n550 3\r\n")
    replies = connection.ask_in_a_row([b"MAIL\r\n", b"RCPT\r\n", b"RCPT\r\n"], [SOON] * 3)
    assert [reply.code for reply in replies] == [250, 250, 550]
    assert server.recv(4096) == b"MAIL\r\nRCPT\r\nRCPT\r\n"


def test_a_message_is_not_sent_once_the_attempt_is_no_longer_ours() -> None:
    with ScriptedServer(replies={"RCPT TO:<bob": "550 5.1.1 no"}) as server:
        with submitting(server.url) as submission:
            two = ("ann@example.org", "bob@example.org")
            results = submission.submit(mail(rcpt_to=two), two, MESSAGE, lambda: False)
            assert {result.recipient: result.verdict for result in results} == {
                "ann@example.org": Verdict.DEFERRED,
                "bob@example.org": Verdict.FAILED,
            }
            assert "lease" in next(result.reply for result in results if result.recipient == two[0])
            submit(submission)
        words = [command.split(" ")[0] for command in server.commands]
    assert words == ["EHLO", "MAIL", "RCPT", "RCPT", "RSET", "MAIL", "RCPT", "DATA", "QUIT"]


def test_whoever_cannot_say_whether_the_attempt_is_ours_leaves_no_transaction_open() -> None:
    def fail() -> bool:
        raise OSError("the database does not answer")

    with ScriptedServer() as server, submitting(server.url) as submission:
        with pytest.raises(OSError, match="does not answer"):
            submission.submit(mail(), ["ann@example.org"], MESSAGE, fail)
        assert submit(submission).verdict is Verdict.DELIVERED
        assert (server.connections, len(server.messages)) == (2, 1)


def test_a_message_too_large_for_the_server_is_refused_without_asking_it() -> None:
    with ScriptedServer(extensions=("PIPELINING", f"SIZE {len(MESSAGE) - 1}")) as server:
        with submitting(server.url) as submission:
            result = submit(submission)
            assert (result.verdict, result.smtp_status, result.enhanced_status) == (
                Verdict.FAILED,
                552,
                "5.3.4",
            )
            assert result.reply == (
                f"127.0.0.1 takes messages of {len(MESSAGE) - 1} octets, and this one has {len(MESSAGE)}"
            )
            submit(submission)
        assert (server.connections, server.count("MAIL")) == (1, 0)


def test_a_server_without_8bitmime_gets_no_eight_bit_mail() -> None:
    with ScriptedServer(extensions=("PIPELINING",)) as server, submitting(server.url) as submission:
        result = submit(submission, body="8bitmime")
        assert server.count("MAIL") == 0
    assert (result.smtp_status, result.enhanced_status) == (554, "5.6.3")


def test_a_server_without_smtputf8_serves_only_ascii_recipients() -> None:
    with ScriptedServer(extensions=("PIPELINING",)) as server:
        with submitting(server.url) as submission:
            assert offered(submission, "ann@example.org", "jörg@example.org") == {
                "ann@example.org": Verdict.DELIVERED,
                "jörg@example.org": Verdict.FAILED,
            }
        assert (server.count("RCPT TO:<ann@example.org>"), server.count("RCPT")) == (1, 1)


def test_what_the_server_offers_is_used() -> None:
    with ScriptedServer() as server:
        with submitting(server.url) as submission:
            submit(submission, rcpt_to=("jörg@example.org",), body="8bitmime", kind="ndr", mail_from="")
        size = len(server.messages[0])
        assert f"MAIL FROM:<> SIZE={size} BODY=8BITMIME SMTPUTF8" in server.commands
        assert "RCPT TO:<jörg@example.org> NOTIFY=NEVER" in server.commands


# -- authentication ------------------------------------------------------------------------------------------


def with_user(server: ScriptedServer) -> str:
    return server.url.replace("smtp://", "smtp://ann:s%C3%A9cret@")


def test_a_user_authenticates_by_plain() -> None:
    response = base64.b64encode("\0ann\0sécret".encode()).decode()
    with ScriptedServer(("AUTH LOGIN PLAIN",), {"AUTH": "235 2.7.0 yes"}) as server:
        with submitting(with_user(server)) as submission:
            assert submit(submission).verdict is Verdict.DELIVERED
        assert server.commands[1] == f"AUTH PLAIN {response}"


def test_a_user_authenticates_by_login_where_nothing_else_is_offered() -> None:
    user, password = base64.b64encode(b"ann").decode(), base64.b64encode("sécret".encode()).decode()
    dialogue = {"AUTH": "334 VXNlcm5hbWU6", user: "334 UGFzc3dvcmQ6", password: "235 2.7.0 yes"}
    with ScriptedServer(("AUTH LOGIN",), dialogue) as server:
        with submitting(with_user(server)) as submission:
            assert submit(submission).verdict is Verdict.DELIVERED
        assert server.commands[1:4] == ["AUTH LOGIN", user, password]


@pytest.mark.parametrize(
    ("extensions", "reply", "reason"),
    [
        (("AUTH PLAIN",), "535 5.7.8 no", "AUTH as ann was refused: 535 5.7.8 no"),
        (("AUTH PLAIN",), "334 more", "334 more"),
        (("AUTH CRAM-MD5",), "235 yes", "it offers neither AUTH PLAIN nor AUTH LOGIN"),
        (("PIPELINING",), "235 yes", "it offers neither AUTH PLAIN nor AUTH LOGIN"),
    ],
)
def test_without_authentication_no_mail_is_sent_and_no_password_told(
    extensions: tuple[str, ...], reply: str, reason: str
) -> None:
    with ScriptedServer(extensions, {"AUTH": reply}) as server:
        with submitting(with_user(server)) as submission:
            result = submit(submission)
        assert server.count("MAIL") == 0
    assert result.verdict is Verdict.DEFERRED
    assert reason in result.reply
    assert "cret" not in result.reply


# -- a server that stands still or talks nonsense ------------------------------------------------------------


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_does_not_answer_defers_the_mail_after_the_time_for_that_step(step: str) -> None:
    with (
        ScriptedServer(("SIZE",), {step: ""}) as server,
        submitting(server.url, timeouts=quick_timeouts(**{step.lower(): "200ms"})) as submission,
    ):
        result = submit(submission)
    assert (result.verdict, result.in_doubt) == (Verdict.DEFERRED, False)
    assert "timed out" in result.reply


def test_a_server_that_does_not_greet_is_given_up() -> None:
    with (
        ScriptedServer(greeting="") as server,
        submitting(server.url, timeouts=quick_timeouts(greeting="200ms")) as submission,
    ):
        result = submit(submission)
    assert result.verdict is Verdict.DEFERRED
    assert "timed out" in result.reply


def test_a_server_that_stops_reading_in_the_middle_of_a_message_is_noticed() -> None:
    with (
        ScriptedServer(reads_text=False) as server,
        submitting(server.url, timeouts=quick_timeouts(block="200ms", final="60s")) as submission,
    ):
        (result,) = submission.submit(mail(), ["ann@example.org"], MESSAGE + b"x" * 16 * 1024**2)
    assert (result.verdict, result.in_doubt) == (Verdict.DEFERRED, False)
    assert "timed out" in result.reply


def test_answering_octet_by_octet_does_not_make_a_step_longer(ends: tuple[Connection, socket.socket]) -> None:
    connection, server = ends
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.02):
            server.sendall(b"2")

    dripping = threading.Thread(target=drip)
    dripping.start()
    with pytest.raises(ConnectionLost, match="timed out"):
        connection.reply(SOON)
    over.set()
    dripping.join()


def test_an_answer_without_end_is_not_read_to_its_end(ends: tuple[Connection, socket.socket]) -> None:
    connection, server = ends

    def talk() -> None:
        try:
            while True:
                server.sendall(b"250-and\r\n" * 1000)
        except OSError:
            pass

    talking = threading.Thread(target=talk)
    talking.start()
    with pytest.raises(ConnectionLost, match="has no end"):
        connection.reply(timedelta(seconds=20))
    connection.close()
    talking.join()


@pytest.mark.parametrize("nonsense", ["hello there", "150 wait", "25O OK"])
def test_an_answer_that_is_no_reply_defers(nonsense: str) -> None:
    with ScriptedServer(replies={"MAIL": nonsense}) as server, submitting(server.url) as submission:
        result = submit(submission)
    assert result.verdict is Verdict.DEFERRED
    assert "what is no SMTP reply" in result.reply


@pytest.mark.parametrize("host", ["no.such.host.invalid", "a" * 64 + ".example", "127.0.0.1"])
def test_a_server_that_is_not_there_defers(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    submission = Submission(SmtpServer(host, port), "mx1.example", RelaySettings())
    result = submit(submission)
    assert result.verdict is Verdict.DEFERRED
    assert f"{host}:{port} cannot be used" in result.reply
