"""The wire formats: golden bytes of every released version, strict reading, tolerance of newer writers."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire import BouncesPoll, Event, Mail, MessageRef, ReportRun, WireError

GOLDEN = Path(__file__).parent / "golden"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MESSAGES: dict[str, ReportRun | BouncesPoll | Mail | Event] = {
    "report.run-1": ReportRun("0c5c…", "events-by-site", NOON, {"site": "LGH"}, "operator", {"rows": 3}),
    "report.run-1-unscoped": ReportRun("r", "no-send-servers", NOON),
    "bounces.poll-1": BouncesPoll("p", NOON, 7),
    "mail-1": Mail("ndr.1", "ndr", "", ("a@example.com",), b"Subject: x\r\n\r\n\xff", NOON, NOON, "8bitmime"),
    "mail-1-ref": Mail(
        "report.1",
        "report",
        "m@example.com",
        ("a@x", "b@x"),
        MessageRef("report.1", 9, "ab" * 32),
        NOON,
        NOON,
    ),
    "event-1": Event("mail.deferred", "ndr.1", NOON, {"recipient": "a@x", "attempts": 2, "reply": None}),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_released_bytes_are_still_written_and_still_read(name: str) -> None:
    message = MESSAGES[name]
    golden = (GOLDEN / f"{name}.msgpack").read_bytes()
    assert message.encode() == golden
    assert type(message).decode(message.TYPE, golden) == message


@pytest.mark.parametrize("name", MESSAGES)
def test_keys_of_a_newer_writer_are_passed_over(name: str) -> None:
    message = MESSAGES[name]
    fields = msgpack.unpackb(message.encode()) | {"from_the_future": 1}
    assert type(message).decode(message.TYPE, msgpack.packb(fields)) == message


@pytest.mark.parametrize(
    ("name", "key"),
    [(name, key) for name, message in MESSAGES.items() for key in msgpack.unpackb(message.encode())],
)
def test_a_missing_or_ill_typed_key_is_refused_by_name(name: str, key: str) -> None:
    message = MESSAGES[name]
    fields: dict[str, Any] = msgpack.unpackb(message.encode())
    without = {name: value for name, value in fields.items() if name != key}
    expected = "message" if key == "message_ref" else key
    with pytest.raises(WireError, match=expected):
        type(message).decode(message.TYPE, msgpack.packb(without))
    with pytest.raises(WireError, match=key):
        type(message).decode(message.TYPE, msgpack.packb(fields | {key: 3.5}))


def test_another_version_is_refused() -> None:
    with pytest.raises(WireError, match="'mail/2' is not 'mail/1'"):
        Mail.decode("mail/2", b"")


def test_an_ndr_has_exactly_one_recipient() -> None:
    mail = Mail("ndr.1", "ndr", "", ("a@x", "b@x"), b"", NOON, NOON)
    with pytest.raises(WireError, match="exactly one"):
        Mail.decode(Mail.TYPE, mail.encode())


def test_a_time_needs_a_zone() -> None:
    body = msgpack.packb({"poll_id": "p", "nominal_at": "2026-11-21T12:00:00", "hop": 0})
    with pytest.raises(WireError, match="without a zone"):
        BouncesPoll.decode(BouncesPoll.TYPE, body)


def test_the_message_id_is_the_same_however_often_a_message_is_published() -> None:
    poll = BouncesPoll("p", NOON)
    assert poll.message_id == "p.0"
    assert poll.baton().message_id == "p.1"


def test_the_same_event_told_twice_has_one_id_and_another_event_another() -> None:
    event = Event("ndr.issued", "n", NOON, {"a": 1, "b": None})
    later = Event("ndr.issued", "n", NOON + timedelta(hours=1), {"b": None, "a": 1})
    assert event.message_id == later.message_id
    assert event.message_id.startswith("ndr.issued.")
    others = [
        Event("ndr.discarded", "n", NOON, event.details),
        Event("ndr.issued", "m", NOON, event.details),
        Event("ndr.issued", "n", NOON, {"a": 2, "b": None}),
    ]
    assert len({event.message_id, *(other.message_id for other in others)}) == 4


@pytest.mark.parametrize("value", [True, 1.5, [], b"x"])
def test_a_detail_is_text_a_whole_number_or_nothing(value: object) -> None:
    body = msgpack.packb({"event": "e", "subject_id": "s", "at": NOON.isoformat(), "details": {"k": value}})
    with pytest.raises(WireError, match="'details' has 'k'"):
        Event.decode(Event.TYPE, body)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused_and_nothing_else(body: bytes) -> None:
    for kind in (ReportRun, BouncesPoll, Mail, Event):
        with suppress(WireError):
            kind.decode(kind.TYPE, body)
