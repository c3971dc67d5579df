"""What becomes of a run: the ledger, repetitions, and what goes wrong."""

import hashlib
import tracemalloc
import uuid
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from services.report_worker.catalogue import Catalogue
from services.report_worker.table import read_table
from shared.broker import Outcome
from shared.wire import MessageRef, ReportRun
from shared.worker import Poison, Retry
from tests.integration.report_worker.conftest import NOMINAL_AT, House, read_mail

pytestmark = pytest.mark.integration

NO_SEND = "Exchange Servers No Send"


@pytest.fixture
def quiet_server(house: House) -> None:
    house.do("add_server", name="quiet", last_send=None, enabled=True)


def own_report(directory: Path, sql: str) -> Catalogue:
    """A catalogue with the report `own` of this SQL."""
    (directory / "own.toml").write_text(
        f"""
        title = "Own"
        subscription = "{NO_SEND}"
        subject = "Own"
        explanation = "Own."
        [without_rows]
        subject = "No own"
        text = "None."
        [[columns]]
        name = "cell"
        heading = "Cell"
        """
    )
    (directory / "own.sql").write_text(sql)
    return Catalogue.load(directory)


def test_a_run_is_mailed_and_closed_with_what_it_came_to(house: House, quiet_server: None) -> None:
    run = house.run("no-send-servers")
    row = house.ledger(run)
    (mail,) = house.publisher.mails
    (attachment,) = house.message().iter_attachments()
    content = attachment.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert isinstance(mail.message, bytes)
    assert (row["state"], row["row_count"], row["error"], row["leased_until"]) == ("sent", 1, None, None)
    assert (row["csv_sha256"], row["csv_bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert (row["mail_id"], row["mail_bytes"]) == (mail.mail_id, len(mail.message))
    assert mail.mail_id == f"report.{run.run_id}"
    assert (mail.kind, mail.mail_from) == ("report", "mailroom@example.com")
    assert mail.rcpt_to == ("exchange-administrators@example.com",)
    assert mail.expires_at - mail.created_at == timedelta(days=2)


def test_a_closed_run_is_not_done_again(house: House, quiet_server: None) -> None:
    run = house.run("no-send-servers")
    house.make_worker().handle(run)
    assert len(house.publisher.mails) == 1


def test_a_run_done_twice_publishes_the_same_mail(house: House, quiet_server: None) -> None:
    run = house.run("no-send-servers")
    first = house.ledger(run)
    house.do("reopen_run", run_id=run.run_id)
    house.make_worker().handle(run)
    mail, again = house.publisher.mails
    assert mail == again
    assert house.ledger(run)["csv_sha256"] == first["csv_sha256"]
    assert house.ledger(run)["attempts"] == 2


def test_fanning_out_twice_makes_no_second_set_of_runs(house: House) -> None:
    house.do("add_site", name="LGH", enabled=True)
    run = house.run("events-by-site")
    house.do("reopen_run", run_id=run.run_id)
    house.make_worker().handle(run)
    first, second = house.publisher.commands
    assert first == second
    assert len(house.do("runs")) == 2


def test_a_run_leased_to_another_worker_waits_without_counting_against_the_limit(house: House) -> None:
    run = ReportRun(str(uuid.uuid4()), "no-send-servers", NOMINAL_AT)
    lease = {"run_id": run.run_id, "report": run.report, "nominal_at": NOMINAL_AT}
    house.do("lease_run", **lease, lease=timedelta(minutes=1))
    with pytest.raises(Retry) as retry:
        house.make_worker().handle(run)
    assert not retry.value.limited
    assert not house.publisher.published


@pytest.mark.parametrize(
    "lease_left",
    [
        pytest.param(timedelta(seconds=-1), id="expired"),
        pytest.param(timedelta(days=1), id="given before the clock went back"),
    ],
)
def test_a_run_whose_lease_is_over_is_taken_over(
    house: House, quiet_server: None, lease_left: timedelta
) -> None:
    run = ReportRun(str(uuid.uuid4()), "no-send-servers", NOMINAL_AT)
    lease = {"run_id": run.run_id, "report": run.report, "nominal_at": NOMINAL_AT}
    house.do("lease_run", **lease, lease=lease_left)
    house.make_worker().handle(run)
    assert house.ledger(run)["state"] == "sent"


@pytest.mark.parametrize(
    ("statement", "parameters", "reason"),
    [
        ("set_preference", {"name": "reports_enabled", "value": "false"}, "exchange__reports_enabled"),
        ("disable_subscription", {"name": NO_SEND}, "is disabled"),
        ("mute_subscription", {"name": NO_SEND, "until": NOMINAL_AT + timedelta(days=1)}, "is muted until"),
        ("set_recipients", {"name": NO_SEND, "emails_list": "nobody"}, "not an address: 'nobody'"),
        ("remove_subscription", {"name": NO_SEND}, "there is no subscription"),
    ],
)
def test_a_run_nobody_is_to_get_is_skipped_with_the_reason(
    house: House, quiet_server: None, statement: str, parameters: dict[str, object], reason: str
) -> None:
    house.do(statement, **parameters)
    row = house.ledger(house.run("no-send-servers"))
    assert row["state"] == "skipped"
    assert reason in row["reason"]
    assert not house.publisher.published


def test_malformed_recipients_are_noted_and_the_others_served(house: House, quiet_server: None) -> None:
    house.do("set_recipients", name=NO_SEND, emails_list="Ops <ops@example.com>, broken@, duty@example.com")
    row = house.ledger(house.run("no-send-servers"))
    assert (row["state"], row["reason"]) == (
        "sent",
        "no bot reported anything in the window; not an address: 'broken@'",
    )
    assert house.publisher.mails[0].rcpt_to == ("ops@example.com", "duty@example.com")


@pytest.mark.parametrize(
    ("empty_alerts", "send_empty", "mailed"),
    [("false", None, False), ("true", None, True), ("false", True, True), ("true", False, False)],
)
def test_no_rows_are_mailed_when_subscription_or_preference_says_so(
    house: House, empty_alerts: str, *, send_empty: bool | None, mailed: bool
) -> None:
    house.do("set_preference", name="empty_alerts", value=empty_alerts)
    house.do("set_send_empty", name=NO_SEND, send_empty=send_empty)
    row = house.ledger(house.run("no-send-servers"))
    assert (row["state"], row["row_count"], bool(row["mail_id"])) == ("empty", 0, mailed)
    assert len(house.publisher.mails) == mailed
    if mailed:
        assert house.message()["Subject"].startswith("INFO All Exchange servers have serviced send requests")
        assert not list(house.message().iter_attachments())
    else:
        assert "not wanted" in row["reason"]


def test_a_site_without_events_is_mailed_to_be_investigated(house: House) -> None:
    house.do("add_site", name="LGH", enabled=True)
    assert house.ledger(house.run("events-by-site", {"site": "LGH"}))["state"] == "empty"
    assert "please investigate" in house.message()["Subject"]


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT nonsense FROM mailroom.site", "nonsense"),
        ("SELECT (1 / (random() * 0)::int)::text AS cell", "division by zero"),
        ("SELECT name AS other FROM mailroom.site", "cell"),
        ("SELECT pg_sleep(60)::text AS cell", "statement timeout"),
        ("SELECT set_config('x.y', 'z', false) AS cell FROM mailroom.subscription", "permission denied"),
    ],
)
def test_a_failed_query_fails_the_run_with_its_error_and_tells_the_owners(
    house: House, tmp_path: Path, sql: str, error: str
) -> None:
    run = house.run("own", catalogue=own_report(tmp_path, sql), statement_timeout=timedelta(milliseconds=200))
    row = house.ledger(run)
    assert row["state"] == "failed"
    assert error in row["error"]
    (mail,) = house.publisher.mails
    assert (mail.kind, mail.mail_id) == ("notice", f"report-failure.{run.run_id}")
    assert row["mail_id"] == mail.mail_id
    message = house.message()
    assert message["Subject"] == "WARNING Own: could not be made"
    text = message.get_body(("plain",))
    assert text is not None
    assert error in " ".join(text.get_content().split())
    assert not list(message.iter_attachments())


def test_a_report_larger_than_any_may_be_fails_by_name(house: House, tmp_path: Path) -> None:
    sql = "SELECT number::text AS cell FROM generate_series(1, 100000) AS number"
    row = house.ledger(house.run("own", catalogue=own_report(tmp_path, sql), size_limit=10_000))
    assert row["state"] == "failed"
    assert "more than 10,000 bytes of CSV" in row["error"]
    assert "narrow the query" in house.text()


def test_a_report_cannot_write(house: House, tmp_path: Path) -> None:
    sql = "SELECT set_config('transaction_read_only', 'off', true) AS cell"
    row = house.ledger(house.run("own", catalogue=own_report(tmp_path, sql)))
    assert row["state"] == "failed"


def test_a_malformed_preference_fails_the_run_by_name(house: House) -> None:
    house.do("set_preference", name="report_interval", value="soon")
    row = house.ledger(house.run("no-send-servers"))
    assert row["state"] == "failed"
    assert "exchange__report_interval" in row["error"]


@pytest.mark.parametrize(
    ("report", "scope", "reason"),
    [
        ("no-such-report", None, "'no-such-report'"),
        ("no-send-servers", {"site": "LGH"}, "takes no scope"),
        ("events-by-site", {"bot": "bot-a"}, "takes a site"),
    ],
)
def test_a_command_that_can_never_be_carried_out_is_poison_and_on_record(
    house: House, report: str, scope: dict[str, str] | None, reason: str
) -> None:
    run = ReportRun(str(uuid.uuid4()), report, NOMINAL_AT, scope)
    with pytest.raises(Poison, match=reason):
        house.make_worker().handle(run)
    assert house.ledger(run)["state"] == "failed"
    assert reason in house.ledger(run)["error"]


def test_a_run_id_that_is_no_uuid_is_poison(house: House) -> None:
    with pytest.raises(Poison, match="'run-1'"):
        house.make_worker().handle(ReportRun("run-1", "no-send-servers", NOMINAL_AT))


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.UNROUTABLE, Outcome.UNCONFIRMED])
def test_a_mail_the_broker_did_not_take_is_tried_again_at_once(
    house: House, quiet_server: None, outcome: Outcome
) -> None:
    house.publisher.outcome = outcome
    run = ReportRun(str(uuid.uuid4()), "no-send-servers", NOMINAL_AT)
    with pytest.raises(Retry, match=outcome.value) as retry:
        house.make_worker().handle(run)
    assert retry.value.limited == (outcome is Outcome.UNROUTABLE)
    assert house.ledger(run)["state"] == "scheduled"
    house.publisher.outcome = Outcome.CONFIRMED
    house.make_worker().handle(run)
    assert house.ledger(run)["state"] == "sent"
    assert len({mail.mail_id for mail in house.publisher.mails}) == 1


def test_children_the_broker_did_not_take_leave_the_parent_open(house: House) -> None:
    house.do("add_site", name="LGH", enabled=True)
    house.publisher.outcome = Outcome.UNCONFIRMED
    run = ReportRun(str(uuid.uuid4()), "events-by-site", NOMINAL_AT)
    with pytest.raises(Retry):
        house.make_worker().handle(run)
    assert house.ledger(run)["state"] == "scheduled"


def test_a_run_waits_for_a_replica_that_cannot_be_reached(house: House, quiet_server: None) -> None:
    run = ReportRun(str(uuid.uuid4()), "no-send-servers", NOMINAL_AT)
    with (
        ConnectionPool(
            "postgresql://localhost:1/nowhere", min_size=0, max_size=1, timeout=0.1, open=True
        ) as replica,
        pytest.raises(psycopg.OperationalError),
    ):
        house.make_worker(replica=replica).handle(run)
    assert house.ledger(run)["state"] == "scheduled"
    assert "PoolTimeout" in house.ledger(run)["error"]
    house.make_worker().handle(run)
    assert (house.ledger(run)["state"], house.ledger(run)["error"]) == ("sent", None)


def test_a_large_mail_waits_in_postgresql_and_a_reference_travels(house: House, quiet_server: None) -> None:
    run = house.run("no-send-servers", inline_limit=1000)
    house.do("reopen_run", run_id=run.run_id)
    house.make_worker(inline_limit=1000).handle(run)
    mail, again = house.publisher.mails
    assert mail == again
    assert isinstance(mail.message, MessageRef)
    (body,) = house.do("mail_body", mail_id=mail.mail_id)
    assert (mail.message.size, mail.message.sha256) == (
        len(body["content"]),
        hashlib.sha256(body["content"]).hexdigest(),
    )
    assert read_mail(body["content"])["X-Mailroom-Run-ID"] == run.run_id


def test_silence_of_all_bots_of_a_site_is_neither_good_nor_bad_news(house: House) -> None:
    house.do("add_site", name="LGH", enabled=True)
    house.do("add_bot", name="bot-a", site="LGH")
    house.do("add_bot", name="bot-b", site=None)
    house.add_event("bot-b", NOMINAL_AT - timedelta(hours=1))
    row = house.ledger(house.run("failed-events-by-site", {"site": "LGH"}))
    assert (row["state"], row["reason"]) == ("empty", "no bot reported anything in the window")
    assert house.message()["Subject"].endswith("over the last 12 hours: please investigate")
    assert "No bot of this site reported anything in this window" in house.text()
    assert "Nothing needs doing" not in house.text()
    house.publisher.published.clear()
    house.add_event("bot-a", NOMINAL_AT - timedelta(hours=1))
    row = house.ledger(house.run("failed-events-by-site", {"site": "LGH"}))
    assert (row["state"], row["reason"]) == ("empty", None)
    assert house.message()["Subject"].endswith("over the last 12 hours")


def test_memory_stays_flat_however_many_rows_there_are(house: House, tmp_path: Path) -> None:
    report = own_report(
        tmp_path, "SELECT number::text AS cell FROM generate_series(1, 300000) AS number"
    ).reports["own"]
    tracemalloc.start()
    with read_table(
        house.connection,
        report,
        report.columns,
        {},
        timeout=timedelta(minutes=1),
        keep_rows=100,
        memory_limit=1 << 20,
    ) as table:
        _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert table.row_count == 300_000
    assert table.size > 2 << 20
    assert peak < 2 << 20
