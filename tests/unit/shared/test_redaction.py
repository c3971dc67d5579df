"""What of an error may be told to a collector of traces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.redaction import redacted


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("the broker did not take mail/1: refused", "the broker did not take mail/1: refused"),
        ("1 deferred; joe@example.com: 450 4.2.0 Joe is away", "1 deferred; … 450 4.2.0 …"),
        ("550 no mailbox of Joe's", "550 …"),
        ("mail_from 'joe' cannot be sent", "mail_from … cannot be sent"),
        ("it can't be read as 'joe', which isn't one", "it can't be read as …, which isn't one"),
        ('invalid input: "John Doe"@example.com', "invalid input: …"),
        ("duplicate key\nDETAIL: Key (name)=(Joe)", "duplicate key"),
        ("'subject' is b'From: Joe', not a str", "… is …, not a str"),
        # what is too long is cut, and its closing quote with it
        (f"'message' is {'From: Joe Bloggs ' * 9!r:.80}, not a bytes", "… is …"),
        ("""'rcpt_to' is 'it\\'s "Joe" \\'Bloggs\\' here', not a list""", "… is …, not a list"),
        ('invalid input syntax for type uuid: "Joe\nBloggs"', "invalid input syntax for type uuid: …"),
        ("", ""),
    ],
)
def test_an_error_is_told_without_what_it_is_about(message: str, told: str) -> None:
    assert redacted(ValueError(message)) == told


@given(st.text(), st.emails(), st.text())
def test_no_address_is_ever_told(before: str, address: str, after: str) -> None:
    told = redacted(ValueError(f"{before} {address} {after}"))
    assert "@" not in told
    assert len(told) <= 200
    assert "\n" not in told
