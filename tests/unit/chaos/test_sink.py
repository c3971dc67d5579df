"""What the SMTP sink of the fault injection suite accepts, and how it misbehaves."""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.chaos.sink import Sink

MESSAGE = b"Message-ID: <ndr.1@mx1.example>\r\n\r\n--b\r\n..dots\r\n--b--\r\n"
ALICE, BOB = "alice@example.com", "bob@example.com"
RETIRED, CLOSED = "retired@unknown.example", "anybody@closed.example"


@contextmanager
def client(sink: Sink) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", sink.port, "client.example", timeout=10) as connected:
        yield connected


@pytest.fixture
def calm_sink() -> Iterator[Sink]:
    with Sink(seed=1, share=0.0) as sink:
        sink.calm_down()
        yield sink


def test_each_accepted_recipient_of_a_mail_is_counted(calm_sink: Sink) -> None:
    with client(calm_sink) as connected:
        connected.sendmail("", [ALICE, BOB], MESSAGE)
        connected.sendmail("", [ALICE], MESSAGE)
    assert calm_sink.accepted == {("ndr.1", ALICE): 2, ("ndr.1", BOB): 1}
    assert calm_sink.torn == []


def test_a_message_without_its_end_is_told(calm_sink: Sink) -> None:
    with client(calm_sink) as connected:
        connected.sendmail("", [ALICE], MESSAGE[:-6])
    assert calm_sink.torn == ["ndr.1"]


def test_an_unknown_recipient_is_refused_and_the_others_are_not(calm_sink: Sink) -> None:
    with client(calm_sink) as connected:
        refused = connected.sendmail("", [ALICE, RETIRED], MESSAGE)
    assert refused[RETIRED][0] == 550
    assert calm_sink.accepted == {("ndr.1", ALICE): 1}


def test_a_closed_domain_refuses_behind_the_message(calm_sink: Sink) -> None:
    with client(calm_sink) as connected, pytest.raises(smtplib.SMTPDataError) as refused:
        connected.sendmail("", [CLOSED], MESSAGE)
    assert refused.value.smtp_code == 554
    assert not calm_sink.accepted


def test_every_mishap_ends_in_an_error_for_the_client_or_a_mail_that_is_kept_once() -> None:
    kept = 0
    with Sink(seed=1, share=1.0) as sink:
        for _ in range(60):
            sink.closes_early = lambda: False  # type: ignore[method-assign] # nobody would get any further
            sink.stall = (0.0, 0.0)
            with suppress(smtplib.SMTPException, ConnectionError), client(sink) as connected:
                connected.sendmail("", [ALICE], MESSAGE)
                kept += 1
    assert len(sink.mishaps) >= 12, "of sixteen, with this seed"
    assert kept <= sink.accepted["ndr.1", ALICE] < 60
