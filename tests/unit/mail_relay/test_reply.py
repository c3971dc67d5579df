import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mail_relay.reply import MAX_REPLY_CHARACTERS, Reply, Verdict, read_reply


def read(received: bytes) -> Reply:
    """The one reply that was received, whole."""
    taken = read_reply(received)
    assert taken is not None
    reply, rest = taken
    assert rest == b""
    return reply


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (250, Verdict.DELIVERED),
        (251, Verdict.DELIVERED),
        (354, Verdict.DEFERRED),
        (421, Verdict.DEFERRED),
        (452, Verdict.DEFERRED),
        (550, Verdict.FAILED),
        (-1, Verdict.DEFERRED),
    ],
)
def test_only_2yz_delivers_and_only_5yz_gives_up(code: int, verdict: Verdict) -> None:
    assert Reply(code, ("words",)).verdict is verdict


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (b"550 5.1.1 no such user\r\n", "5.1.1"),
        (b"550 5.1.1\r\n", "5.1.1"),
        (b"550 4.2.1 the class is another\r\n", None),
        (b"550 no such user at 5.1.1\r\n", None),
        (b"550 5.1.1.7 is an address\r\n", None),
        (b"550 5.1.1234 is too long\r\n", None),
        (b"550\r\n", None),
        (b"452-4.2.2 full\r\n452 4.2.2 still full\r\n", "4.2.2"),
    ],
)
def test_an_enhanced_status_opens_the_text_and_agrees_with_the_code(
    received: bytes, status: str | None
) -> None:
    assert read(received).enhanced_status == status


def test_every_line_of_a_reply_is_kept_as_the_server_wrote_it() -> None:
    received = b"550-5.1.1 no such user\r\n550 5.1.1 see https://example.org/\r\n"
    assert read(received).transcript == "550-5.1.1 no such user\n550 5.1.1 see https://example.org/"


@pytest.mark.parametrize(
    "received", [b"250\r\n", b"250 \r\n", b"250\n", b"250-\r\n250\r\n", b"250-a\n250 b\n"]
)
def test_a_reply_may_be_without_text_and_its_lines_without_cr(received: bytes) -> None:
    assert read(received).code == 250


@pytest.mark.parametrize("code", [b"421", b"550"])
def test_the_last_line_of_a_reply_says_its_code(code: bytes) -> None:
    assert read(b"250-one\r\n" + code + b" two\r\n").code == int(code)


@pytest.mark.parametrize("received", [b"", b"2", b"250 OK", b"250-OK\r\n", b"250-OK\r\n250 OK\r"])
def test_a_reply_that_has_not_come_to_its_end_is_waited_for(received: bytes) -> None:
    assert read_reply(received) is None


def test_pipelined_replies_are_read_one_by_one() -> None:
    taken = read_reply(b"250 one\r\n550-two\r\n550 two\r\n354 th")
    assert taken is not None
    assert taken[0].code == 250
    taken = read_reply(taken[1])
    assert taken is not None
    assert (taken[0].code, taken[1]) == (550, b"354 th")


@pytest.mark.parametrize(
    "received",
    [
        b"hello there\r\n",
        b"\r\n",
        b"25 OK\r\n",
        b"2500 OK\r\n",
        b"+25 OK\r\n",
        b"2_0 OK\r\n",
        b"250_OK\r\n",
        b"\xb2\xb5\xb0 OK\r\n",
        b"150 more will follow\r\n",
        b"650 OK\r\n",
        b"000 OK\r\n",
        b"250-one\r\ntwo\r\n",
    ],
)
def test_what_is_no_reply_has_no_code(received: bytes) -> None:
    assert read(received).code == -1


# short lines with codes in them come often enough to be replies of several lines
_RECEIVED = st.binary(max_size=300) | st.lists(
    st.tuples(
        st.sampled_from([b"250-", b"250 ", b"550-", b"550 ", b"421", b"1", b""]), st.binary(max_size=20)
    )
).map(lambda lines: b"".join(code + text + b"\r\n" for code, text in lines))


@given(_RECEIVED)
def test_no_control_of_a_server_gets_into_the_ledger(received: bytes) -> None:
    taken = read_reply(received)
    if taken is None:
        return
    reply, rest = taken
    assert not any(c != "\n" and (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0) for c in reply.transcript)
    assert reply.transcript.encode()
    assert received.endswith(rest)
    read_lines = received.removesuffix(rest) if rest else received
    assert reply.transcript.count("\n") + 1 == len(reply.lines) == read_lines.count(b"\n")
    assert reply.code == -1 or 200 <= reply.code < 600
    assert reply.enhanced_status is None or reply.enhanced_status[0] == str(reply.code)[0]


@given(_RECEIVED, st.integers(0, 300))
def test_how_a_reply_is_cut_into_packets_makes_no_difference(received: bytes, cut: int) -> None:
    taken = read_reply(received[:cut])
    if taken is not None:
        reply, rest = taken
        assert read_reply(received) == (reply, rest + received[cut:])


def test_an_endless_line_is_cut() -> None:
    assert len(read(b"550 " + b"x" * 10**6 + b"\r\n").transcript) == MAX_REPLY_CHARACTERS
