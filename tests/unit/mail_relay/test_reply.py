import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mail_relay.reply import MAX_REPLY_CHARACTERS, Verdict, read_reply


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
        (650, Verdict.DEFERRED),
    ],
)
def test_only_2yz_delivers_and_only_5yz_gives_up(code: int, verdict: Verdict) -> None:
    assert read_reply(code, b"words").verdict is verdict


@pytest.mark.parametrize(
    ("code", "text", "status"),
    [
        (550, b"5.1.1 no such user", "5.1.1"),
        (550, b"5.1.1", "5.1.1"),
        (550, b"4.2.1 the class is another", None),
        (550, b"no such user at 5.1.1", None),
        (550, b"5.1.1.7 is an address", None),
        (550, b"5.1.1234 is too long", None),
        (550, b"", None),
        (452, b"4.2.2 full\n4.2.2 still full", "4.2.2"),
    ],
)
def test_an_enhanced_status_opens_the_text_and_agrees_with_the_code(
    code: int, text: bytes, status: str | None
) -> None:
    assert read_reply(code, text).enhanced_status == status


def test_every_line_of_a_reply_is_kept_as_the_server_wrote_it() -> None:
    reply = read_reply(550, b"5.1.1 no such user\n5.1.1 see https://example.org/")
    assert reply.transcript == "550-5.1.1 no such user\n550 5.1.1 see https://example.org/"


@given(st.binary(max_size=200), st.integers(-1, 999))
def test_no_control_of_a_server_gets_into_the_ledger(text: bytes, code: int) -> None:
    transcript = read_reply(code, text).transcript
    assert not any(c != "\n" and (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0) for c in transcript)
    assert transcript.count("\n") == text.count(b"\n")
    assert read_reply(code, text).enhanced_status is None or text.strip()[:1] in b"245"


def test_an_endless_reply_is_cut() -> None:
    assert len(read_reply(550, b"x" * 10**6).transcript) == MAX_REPLY_CHARACTERS
