import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from services.console.sample_data.backlog import backlog
from services.console.sample_data.bounces import bounces
from services.console.sample_data.rows import QueuedMessage, QueueEntry

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
Queue = list[QueuedMessage]


@pytest.fixture(scope="module")
def queue() -> Queue:
    return list(bounces(2026, 1, NOW))


def entries(queue: Queue) -> list[QueueEntry]:
    return [entry for queued in queue for entry in queued.entries]


def test_there_are_about_200_messages_with_about_320_entries(queue: Queue) -> None:
    assert len(queue) == 200
    assert 300 < len(entries(queue)) < 360


def test_messages_have_one_or_several_or_sixty_recipients(queue: Queue) -> None:
    sizes = Counter(len(queued.entries) for queued in queue)

    assert sizes[1] > 150
    assert sizes[60] == 1
    assert {size for size in sizes if size not in {1, 60}} <= set(range(2, 13))
    assert len(sizes) > 5


def test_a_recipient_occurs_once_in_a_message(queue: Queue) -> None:
    for queued in queue:
        recipients = [entry.recipient for entry in queued.entries]
        assert len(set(recipients)) == len(recipients)


def test_some_messages_bounced_for_some_of_their_recipients_only(queue: Queue) -> None:
    statuses = [frozenset(entry.status for entry in queued.entries) for queued in queue]

    assert any("bounced" in status and "deferred" in status for status in statuses)
    assert any("bounced" in status and "ready" in status for status in statuses)
    assert any("bounced" not in status for status in statuses)


def test_every_bounced_entry_of_a_message_with_a_sender_asks_for_its_notification(queue: Queue) -> None:
    for queued in queue:
        if queued.earns_notification:
            assert all(entry.notify is None or "FAILURE" in entry.notify for entry in queued.bounced)


def test_declined_notifications_occur_where_they_must_not_matter(queue: Queue) -> None:
    declined = [
        (queued.message.sender, entry.status)
        for queued in queue
        for entry in queued.entries
        if entry.notify in {"NEVER", "SUCCESS"}
    ]

    assert any(status != "bounced" for _, status in declined)
    assert any(sender == "" and status == "bounced" for sender, status in declined)


def test_about_one_sender_in_twenty_is_null_and_the_others_are_addresses(queue: Queue) -> None:
    senders = [queued.message.sender for queued in queue]

    assert 6 <= senders.count("") <= 14
    assert all(
        re.fullmatch(r"[!-~]+@([a-z]+\.)?example\.(com|org|net)", sender) for sender in senders if sender
    )


@pytest.mark.parametrize(
    "practice",
    ["list-bounces+", "prvs=", "SRS0=", "SRS1=", "%example.org@", "@relay.example:", "+newsletter@"],
)
def test_senders_follow_every_known_practice(queue: Queue, practice: str) -> None:
    assert any(practice in queued.message.sender for queued in queue if queued.earns_notification)


HOSTILE_CONTENT = {
    "bare carriage return": rb"\r(?!\n)",
    "bare line feed": rb"(?<!\r)\n",
    "line feeds only": rb"\A[^\r]+\Z",
    "NUL": rb"\0",
    "line of one dot": rb"\r\n\.\r\n",
    "line longer than 998 octets": rb"[^\r\n]{999}",
    "boundary-like line": rb"\r\n--=_report--\r\n",
    "delivery status of somebody else": rb"\r\nFinal-Recipient: rfc822; victim@example\.com\r\n",
    "header field after a bare carriage return": rb"\rBcc: ",
    "empty header": rb"\A\r\n",
    "no header field": rb"\Ajust some text",
    "no empty line": rb"\A(?:(?!\r\n\r\n|\n\n|\r\r)[\s\S])+\Z",
    "ISO-8859-1 body": rb"D\xe9j\xe0 vu",
    "ISO-8859-1 header": rb"Subject: R\xe9servation",
    "UTF-8 body": "Grüße".encode(),
    "second Message-ID": rb"Message-ID: [\s\S]*\r\nMessage-ID: ",
}


@pytest.mark.parametrize("pattern", HOSTILE_CONTENT.values(), ids=HOSTILE_CONTENT.keys())
def test_hostile_originals_are_there_and_earn_a_notification(queue: Queue, pattern: bytes) -> None:
    assert any(re.search(pattern, queued.message.content) for queued in queue if queued.earns_notification)


def test_some_originals_are_large_and_some_have_huge_headers(queue: Queue) -> None:
    contents = [queued.message.content for queued in queue]

    assert any(len(content) > 300_000 for content in contents)
    assert any(content.partition(b"\r\n\r\n")[0].count(b"\r\n") > 500 for content in contents)


def test_no_original_is_empty_or_looks_like_a_loop(queue: Queue) -> None:
    for queued in queue:
        assert queued.message.content
        assert queued.message.content.count(b"Received:") <= 1


HOSTILE_DIAGNOSTIC = {
    "further recipient": r"\r\nFinal-Recipient: rfc822; victim@example\.com",
    "terminal escape": r"\x1b\[31m",
    "long": r"(?s).{2000}",
    "non-ASCII": r"[^\x00-\x7f]",
    "multi-line reply": r"550-5\.7\.1 [^\n]*\r\n550 5\.7\.1 ",
    "end of data": r"\r\n\.\r\n",
}


@pytest.mark.parametrize("pattern", HOSTILE_DIAGNOSTIC.values(), ids=HOSTILE_DIAGNOSTIC.keys())
def test_hostile_diagnostics_are_there_and_earn_a_notification(queue: Queue, pattern: str) -> None:
    diagnostics = [
        entry.diagnostic for queued in queue if queued.earns_notification for entry in queued.bounced
    ]

    assert any(diagnostic and re.search(pattern, diagnostic) for diagnostic in diagnostics)


def test_postgresql_can_store_every_text(queue: Queue) -> None:
    texts = [value for queued in queue for row in (queued.message, *queued.entries) for value in row]

    assert all("\0" not in text for text in texts if isinstance(text, str))


def test_bounces_lack_what_an_mta_does_not_know(queue: Queue) -> None:
    bounced = [entry for entry in entries(queue) if entry.status == "bounced"]

    for column in ("smtp_status", "enhanced_status", "diagnostic", "remote_mta", "last_attempt_at"):
        known = sum(getattr(entry, column) is not None for entry in bounced)
        assert len(bounced) / 2 < known < len(bounced)


def test_times_are_in_order(queue: Queue) -> None:
    for queued in queue:
        for entry in queued.bounced:
            assert entry.bounced_at is not None
            assert queued.message.received_at < entry.bounced_at < NOW


def test_dsn_parameters_of_every_kind_occur(queue: Queue) -> None:
    messages = [queued.message for queued in queue]

    assert {message.ret for message in messages} == {None, "FULL", "HDRS"}
    assert any(message.envelope_id and "+2B" in message.envelope_id for message in messages)
    assert any(message.requiretls and message.ret == "FULL" for message in messages)
    assert not any(message.smtputf8 for message in messages)
    assert any((entry.original_recipient or "").startswith("rfc822;") for entry in entries(queue))


def test_a_backlog_has_exactly_the_entries_asked_for() -> None:
    queue = list(backlog(10, seed=1, now=NOW, recipients_per_message=3))

    assert [len(queued.entries) for queued in queue] == [3, 3, 3, 1]
    assert all(queued.earns_notification for queued in queue)
    assert all(6 * 1024 <= len(queued.message.content) <= 10 * 1024 for queued in queue)


def test_a_backlog_is_repeatable() -> None:
    assert list(backlog(50, seed=1, now=NOW)) == list(backlog(50, seed=1, now=NOW))
