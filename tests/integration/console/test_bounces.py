import pytest

from demo.roles import acting_as
from services.console.bounces.queue import EntryElsewhere
from services.console.ndr.preview import EntryUnknown
from shared.database.schema import SchemaOutdated
from tests.integration.console.conftest import ORIGINAL, Mailroom

pytestmark = pytest.mark.integration
REFUSED = {"diagnostic": "550 5.1.1 unknown", "smtp_status": "550"}


def listed(mailroom: Mailroom, *options: str) -> list[tuple[int, str]]:
    return [(entry["entry_id"], entry["state"]) for entry in mailroom.json("bounces", "list", *options)]


def test_an_added_bounce_is_what_was_given(mailroom: Mailroom) -> None:
    ids = mailroom.add(
        "bob@example.net",
        **REFUSED,
        envid="QQ+2B1",
        ret="HDRS",
        orcpt="rfc822;b@example.net",
        notify="FAILURE",
    )

    assert mailroom.rows("messages") == [(1, "ann@example.com", "QQ+2B1", "HDRS", ORIGINAL)]
    assert mailroom.rows("entries") == [
        (ids[0], None, None, "rfc822;b@example.net", "FAILURE", "bounced", 550, "550 5.1.1 unknown")
    ]


def test_a_null_sender_may_be_written_either_way(mailroom: Mailroom) -> None:
    mailroom.add("bob@example.net", sender="")
    mailroom.add("bob@example.net", sender="<>")

    assert [row[1] for row in mailroom.rows("messages")] == ["", ""]


def test_original_recipients_have_to_be_as_many_as_recipients(mailroom: Mailroom) -> None:
    result = mailroom(
        "bounces", "add", "--sender", "a@b.c", "--recipient", "x@y.z", "--recipient", "y@y.z",
        "--file", "original.eml", "--orcpt", "rfc822;x@y.z",
    )  # fmt: skip

    assert result.exit_code == 2
    assert mailroom.rows("messages") == []


def test_entries_are_listed_by_state(mailroom: Mailroom) -> None:
    waiting, leased, quarantined, discarded = mailroom.add("a@x.y", "b@x.y", "c@x.y", "d@x.y")
    mailroom.do("lease", entry_id=leased)
    mailroom.do("quarantine", entry_id=quarantined)
    mailroom("bounces", "discard", str(discarded))

    assert sorted(listed(mailroom)) == [
        (waiting, "waiting"),
        (leased, "leased"),
        (quarantined, "quarantined"),
    ]
    assert listed(mailroom, "--state", "leased") == [(leased, "leased")]
    assert listed(mailroom, "--state", "audited") == [(discarded, "audited")]


def test_entries_are_listed_by_part_of_an_address_in_any_case(mailroom: Mailroom) -> None:
    (one,) = mailroom.add("Bob@Example.net", sender="ann@one.example")
    (two,) = mailroom.add("carol@example.net", sender="ann@two.example")

    assert listed(mailroom, "--recipient", "bob@") == [(one, "waiting")]
    assert listed(mailroom, "--sender", "TWO") == [(two, "waiting")]
    assert len(listed(mailroom, "--limit", "1")) == 1


def test_the_table_shows_hostile_text_harmlessly(mailroom: Mailroom) -> None:
    mailroom.add("bob@example.net", diagnostic="550 \x1b[31mred\r\nnext [bold]markup[/bold]")

    output = mailroom("bounces", "list").stdout

    assert "\x1b" not in output
    assert "[bold]" in output.replace("\n", "")


def test_requeueing_forgets_the_claim(mailroom: Mailroom) -> None:
    (entry,) = mailroom.add("bob@example.net", **REFUSED)
    before = mailroom.rows("entries")
    mailroom.do("lease", entry_id=entry)
    mailroom.do("quarantine", entry_id=entry)

    assert mailroom("bounces", "requeue", str(entry)).stdout == f"entry {entry} requeued\n"
    assert mailroom.rows("entries") == before
    assert mailroom.rows("quarantined") == []


def test_requeueing_puts_all_back_or_none(mailroom: Mailroom) -> None:
    here, there = mailroom.add("a@x.y", "b@x.y")
    mailroom.do("quarantine", entry_id=here)

    result = mailroom("bounces", "requeue", str(here), str(there), "999")

    assert isinstance(result.exception, EntryElsewhere)
    assert f"entry {there} waits in the queue; entry 999 is neither" in str(result.exception)
    assert mailroom.rows("quarantined") == [(here,)]


def test_discarding_is_audited_and_drops_the_message_with_its_last_entry(mailroom: Mailroom) -> None:
    queued, quarantined = mailroom.add("a@x.y", "b@x.y")
    mailroom.do("quarantine", entry_id=quarantined)

    mailroom("bounces", "discard", str(queued))
    assert len(mailroom.rows("messages")) == 1
    mailroom("bounces", "discard", str(quarantined))

    assert mailroom.rows("messages") == []
    assert mailroom.rows("audit") == [
        (queued, "discarded-by-operator"),
        (quarantined, "discarded-by-operator"),
    ]


@pytest.mark.parametrize(
    ("change", "place"), [("lease", "belongs to a worker"), ("defer", "it is the MTA's")]
)
def test_what_is_not_the_operators_is_not_discarded(mailroom: Mailroom, change: str, place: str) -> None:
    free, taken = mailroom.add("a@x.y", "b@x.y")
    mailroom.do(change, entry_id=taken)

    result = mailroom("bounces", "discard", str(free), str(taken))

    assert isinstance(result.exception, EntryElsewhere)
    assert place in str(result.exception)
    assert len(mailroom.rows("entries")) == 2


def test_a_login_that_may_only_work_sees_the_queue_too(mailroom: Mailroom, database_url: str) -> None:
    mailroom.add("bob@example.net")
    mailroom.variables["MAILROOM_DATABASE_URL"] = acting_as(database_url, "worker")

    assert len(listed(mailroom)) == 1


def test_a_database_without_the_schema_is_told_apart(mailroom: Mailroom, fresh_database_url: str) -> None:
    mailroom.variables["MAILROOM_DATABASE_URL"] = fresh_database_url.rsplit("/", 1)[0] + "/postgres"

    assert isinstance(mailroom("bounces", "list").exception, SchemaOutdated)


def test_a_preview_is_the_ndr_of_all_entries_and_claims_none(mailroom: Mailroom) -> None:
    one, _ = mailroom.add("bob@example.net", "carol@example.net", **REFUSED)
    before = mailroom.rows("entries")

    result = mailroom("ndr", "preview", str(one))

    assert result.exit_code == 0, result.exception
    assert "Content-Type: multipart/report" in result.stdout
    assert "Final-Recipient: rfc822; bob@example.net" in result.stdout
    assert "Final-Recipient: rfc822; carol@example.net" in result.stdout
    assert mailroom.rows("entries") == before


def test_a_preview_of_a_quarantined_entry_is_what_requeueing_would_give(mailroom: Mailroom) -> None:
    (entry,) = mailroom.add("bob@example.net", **REFUSED)
    mailroom.do("quarantine", entry_id=entry)

    made = mailroom.json("ndr", "preview", str(entry))

    assert made["mails"][0]["rcpt_to"] == "ann@example.com"
    assert [ending["action"] for ending in made["entries"]] == ["reported"]


def test_a_preview_of_what_gets_none_says_why(mailroom: Mailroom) -> None:
    (entry,) = mailroom.add("bob@example.net", sender="")

    result = mailroom("ndr", "preview", str(entry))

    assert result.stdout == ""
    assert "discarded-null-sender" in result.stderr


def test_a_preview_of_nothing_is_refused(mailroom: Mailroom) -> None:
    assert isinstance(mailroom("ndr", "preview", "999").exception, EntryUnknown)


def test_polling_once_empties_the_queue_batch_by_batch(mailroom: Mailroom) -> None:
    mailroom.variables["MAILROOM_NDR__QUEUECACHE"] = "2"
    for number in range(5):
        mailroom.add(f"bob{number}@example.net", **REFUSED)
    mailroom.add("bob@example.net", sender="")

    counts = mailroom.poll_once()

    assert counts["mails"] == 5
    assert counts["entries"] == {"reported": 5, "discarded-null-sender": 1}
    assert counts["batches"] >= 3
    assert mailroom.rows("entries") == []
    assert mailroom.rows("chain") == [(True, "found")]


def test_polling_an_empty_queue_is_one_empty_batch(mailroom: Mailroom) -> None:
    assert mailroom.poll_once() == {"batches": 1, "mails": 0, "entries": {}}
    assert mailroom.rows("chain") == [(True, "empty")]


def test_polling_leaves_a_chain_that_runs_alone(mailroom: Mailroom) -> None:
    mailroom.add("bob@example.net", **REFUSED)
    mailroom.do("another_chain_runs")

    assert mailroom.poll_once()["entries"] == {"reported": 1}
    assert mailroom.rows("chain") == [(False, None)]


def test_why_follows_a_bounce_from_the_queue_to_the_senders_server(mailroom: Mailroom) -> None:
    mailroom.add("bob@example.net", **REFUSED)
    assert "waits for the next poll" in mailroom("bounces", "why", "ANN@example.com").stdout

    mailroom.poll_once()
    assert "has not tried to deliver it yet" in mailroom("bounces", "why", "bob@example.net").stdout

    mailroom.do("deliver")
    answer = mailroom("bounces", "why", "bob@example.net").stdout
    assert "mailed to ann@example.com and accepted by mx.example.com (250 2.0.0 taken)" in answer


def test_why_tells_of_null_senders_quarantine_and_leases(mailroom: Mailroom) -> None:
    mailroom.add("null@example.net", sender="")
    mailroom.poll_once()
    quarantined, leased = mailroom.add("stuck@example.net", "held@example.net")
    mailroom.do("quarantine", entry_id=quarantined)
    mailroom.do("lease", entry_id=leased)

    assert "null reverse-path" in mailroom("bounces", "why", "null@example.net").stdout
    assert "(sender has no domain)" in mailroom("bounces", "why", "stuck@example.net").stdout
    assert "a worker has the entry until" in mailroom("bounces", "why", "held@example.net").stdout
    assert len(mailroom.json("bounces", "why", "ann@example.com")["answers"]) == 2


def test_why_of_an_unknown_address_names_the_nearest(mailroom: Mailroom) -> None:
    mailroom.add("bob@example.net")

    assert "did you mean bob@example.net?" in mailroom("bounces", "why", "bop@example.net").stdout
    assert mailroom.json("bounces", "why", "zz@q.r") == {"address": "zz@q.r", "answers": [], "nearest": None}
