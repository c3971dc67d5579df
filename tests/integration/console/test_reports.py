import csv
import hashlib
import io
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from demo.servers.rabbitmq import Broker
from services.console.connection import transaction
from services.console.names import NameUnknown
from services.console.reports.runs import RunsNotTaken, request
from services.console.reports.scope import ScopeUnfit
from services.report_worker.export import RunHasNoRows
from services.report_worker.runs import RunUnknown
from shared.broker import Topology
from shared.wire import ReportRun
from tests.doubles.publisher import RecordingPublisher
from tests.integration.console.conftest import Mailroom
from tests.integration.console.test_schedules import published

pytestmark = pytest.mark.integration
NOW = "2026-07-01T12:00:00Z"
NOMINAL_AT = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def estate(mailroom: Mailroom) -> Mailroom:
    """A small estate whose data ends at NOW."""
    result = mailroom("db", "load-sample", "--scale", "0.05", "--now", NOW)
    assert result.exit_code == 0, result.exception
    return mailroom


def a_site(mailroom: Mailroom) -> str:
    report = mailroom.json("schedules", "explain", "Exchange send receive by site report")["reports"][0]
    return str(report["mails"][0]["entity"])


def test_the_catalogue_is_listed_with_schedules_and_broken_entries(
    mailroom: Mailroom, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text('title = "Mine"\n')
    mailroom.variables["MAILROOM_REPORTS__CATALOGUE_PATH"] = str(tmp_path)

    listed = {report["name"]: report for report in mailroom.json("reports", "list")}

    assert len(listed) == 13
    assert listed["no-send-servers"]["schedules"] == ["No send exchange servers report"]
    assert listed["events-by-site"]["scope"] == "site"
    assert "mine.sql is missing" in listed["mine"]["broken"]
    assert "cannot be used: report mine" in mailroom("reports", "list").stdout


def test_a_preview_is_the_mail_and_leaves_no_trace(estate: Mailroom) -> None:
    raw = estate("reports", "preview", "no-send-servers", "--nominal", NOW, "--as", "raw")

    assert raw.exit_code == 0, raw.exception
    assert b"Content-Type: multipart/mixed" in raw.stdout_bytes
    assert "exchange-administrators@example.com" in raw.stderr
    assert (
        b"Last Send\n----" in estate("reports", "preview", "no-send-servers", "--nominal", NOW).stdout_bytes
    )
    assert "<table" in estate("reports", "preview", "no-send-servers", "--as", "html").stdout
    assert estate.rows("report_runs") == []


def test_a_preview_of_what_is_not_mailed_shows_it_and_says_why(estate: Mailroom) -> None:
    estate("subscriptions", "mute", "Exchange Servers No Send")

    made = estate.json("reports", "preview", "no-send-servers", "--nominal", NOW)

    assert made["row_count"] > 0
    assert not made["mailed"]
    assert "muted until" in made["remark"]
    assert "would not be mailed" in estate("reports", "preview", "no-send-servers").stderr


def test_a_preview_of_a_report_for_each_site_is_of_one(estate: Mailroom) -> None:
    site = a_site(estate)

    assert isinstance(estate("reports", "preview", "events-by-site").exception, ScopeUnfit)
    made = estate.json("reports", "preview", "events-by-site", "--site", site, "--nominal", NOW)
    assert site in made["subject"]
    misspelt = estate("reports", "preview", "events-by-site", "--site", f"{site}x").exception
    assert f"did you mean {site!r}" in str(misspelt)


def test_a_run_by_hand_is_in_the_ledger_and_published(estate: Mailroom, broker: Broker) -> None:
    site = a_site(estate)

    given = estate.in_a_process("reports", "run", "events-by-site", "--site", site, "--nominal", NOW)

    assert estate.rows("report_runs") == [
        (given["run_id"], "events-by-site", {"site": site}, None, "operator", "scheduled", None)
    ]
    (command,) = published(broker)
    assert (command.run_id, command.scope) == (given["run_id"], {"site": site})
    assert command.nominal_at.isoformat() == "2026-07-01T12:00:00+00:00"


def test_an_unknown_report_is_answered_with_the_nearest(mailroom: Mailroom) -> None:
    for command in ("preview", "run"):
        error = mailroom("reports", command, "dead-server").exception
        assert isinstance(error, NameUnknown)
        assert "did you mean 'dead-servers'" in str(error)


def test_a_run_that_the_broker_does_not_take_is_closed_as_failed(
    mailroom: Mailroom, database_url: str
) -> None:
    run = ReportRun(
        "00000000-0000-4000-8000-000000000001", "dead-servers", NOMINAL_AT, requested_by="operator"
    )

    with pytest.raises(RunsNotTaken, match="give the command again"):
        request(partial(transaction, database_url), RecordingPublisher(lambda _: True), Topology(), [run])

    (row,) = mailroom.rows("report_runs")
    assert row[-2:] == ("failed", "the broker did not take it (refused)")


def test_runs_are_listed_by_report_and_state(estate: Mailroom) -> None:
    first = estate.in_a_process("reports", "run", "dead-servers")["run_id"]
    second = estate.in_a_process("reports", "run", "no-send-servers")["run_id"]
    estate.do("finish_run", run_id=second, state="skipped", csv_sha256=None, reason="it is muted")

    def listed(*options: str) -> list[str]:
        return [run["run_id"] for run in estate.json("reports", "runs", *options)]

    assert listed() == [second, first]
    assert listed("--limit", "1") == [second]
    assert listed("--state", "scheduled") == [first]
    assert listed("--report", "no-send-servers") == [second]
    assert "muted" in estate("reports", "runs", "--state", "skipped").stdout.replace("\n", "")
    assert "did you mean" in str(estate("reports", "runs", "--report", "dead-server").exception)


def test_the_rows_of_a_run_are_written_again(estate: Mailroom) -> None:
    run_id = estate.in_a_process("reports", "run", "no-send-servers", "--nominal", NOW)["run_id"]

    written = estate("reports", "runs", "--csv", run_id)

    rows = list(csv.reader(io.StringIO(written.stdout_bytes.decode("utf-8-sig"), newline="")))
    made = estate.json("reports", "preview", "no-send-servers", "--nominal", NOW)
    assert rows[0] == ["Exchange Server", "Last Send"]
    assert len(rows) == made["row_count"] + 1

    sha256 = hashlib.sha256(written.stdout_bytes).hexdigest()
    estate.do("finish_run", run_id=run_id, state="sent", csv_sha256=sha256, reason=None)
    assert estate("reports", "runs", "--csv", run_id).stderr == ""
    estate.do("finish_run", run_id=run_id, state="sent", csv_sha256="0", reason=None)
    assert "not the rows that were mailed" in estate("reports", "runs", "--csv", run_id).stderr


def test_rows_of_no_run_or_of_one_for_every_site_are_refused(estate: Mailroom) -> None:
    run_id = estate.in_a_process("reports", "run", "events-by-site")["run_id"]

    assert isinstance(estate("reports", "runs", "--csv", run_id).exception, RunHasNoRows)
    for unknown in ("nonsense", "00000000-0000-4000-8000-000000000002"):
        assert isinstance(estate("reports", "runs", "--csv", unknown).exception, RunUnknown)
    mistyped = estate("reports", "runs", "--csv", run_id[:-1])
    assert f"did you mean {run_id}?" in str(mistyped.exception)
