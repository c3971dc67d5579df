"""One test for each wrong answer of the original (its numbers 1 to 16), showing ours."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from services.report_worker.catalogue import Catalogue
from services.report_worker.report import Report
from shared.wire import ReportRun
from tests.integration.report_worker.conftest import (
    NOMINAL_AT,
    House,
    attached_table,
    read_mail,
)

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)
LONG_AGO = NOMINAL_AT - 24 * HOUR
CATALOGUE = Catalogue.load()
SERVER_TIMES = ("last_connection", "last_send", "last_inbox_access", "last_seen")


@pytest.fixture(autouse=True)
def estate(house: House) -> None:
    for report in CATALOGUE.reports.values():
        house.do("add_subscription", name=report.subscription)
    house.do("add_site", name="LGH", enabled=True)
    for name in ("bot-a", "bot-b"):
        house.do("add_bot", name=name, site="LGH")


def test_defect_1_pairs_that_fail_are_found(house: House) -> None:
    for name, status in (("good.example", "PASS"), ("bad.example", "FAIL")):
        house.do("add_pair", from_domain=name, status=status, at=NOMINAL_AT, enabled=True, expired=False)
    house.run("broken-domain-pairs")
    assert [row[0] for row in house.rows()] == ["bad.example"]
    assert house.message()["Subject"] == "ERROR Email Verification Failures Report"


def test_defect_2_failed_sends_and_receives_are_reported_whoever_received_nothing(house: House) -> None:
    house.add_event("bot-a", NOMINAL_AT - 2 * HOUR, type="send", status="FAIL")
    house.add_event("bot-a", NOMINAL_AT - HOUR, type="receive", status="FAIL")
    house.run("failed-events-by-bot", {"bot": "bot-a"})
    assert [row[5:7] for row in house.rows()] == [["send", "FAIL"], ["receive", "FAIL"]]
    assert [row[3:5] for row in house.rows()] == [["", ""], ["", ""]]


def test_defect_3_pairs_not_verified_are_listed_not_those_that_were_and_by_site_name(house: House) -> None:
    house.do("add_site_pair", site="LGH", from_domain="stale.example", at=LONG_AGO)
    house.do("add_site_pair", site="LGH", from_domain="never.example", at=None)
    house.do("add_site_pair", site="LGH", from_domain="fresh.example", at=NOMINAL_AT - HOUR)
    house.run("unverified-domain-pairs")
    assert [row[0] for row in house.rows()] == ["never.example", "stale.example"]
    assert {row[2] for row in house.rows()} == {"LGH"}


@pytest.mark.parametrize(
    ("report", "heading"),
    [
        ("no-receive-servers", "Last Inbox Access"),
        ("no-connect-servers", "Last Connected"),
        ("dead-servers", "Last Seen"),
        ("dead-databases", "Last Access"),
    ],
)
def test_defect_4_reports_on_servers_and_databases_run_and_show_their_own_column(
    house: House, report: str, heading: str
) -> None:
    house.do("add_whole_server", name="ex1", **dict.fromkeys(SERVER_TIMES, LONG_AGO))
    house.do("add_database", name="db1", server="ex1", last_access=LONG_AGO)
    run = house.run(report)
    header, row = attached_table(house.message())
    assert house.ledger(run)["state"] == "sent"
    assert (header[-1], row[-1]) == (heading, "2026-11-19T23:45:00.000000+00:00")


def test_defect_5_what_is_stored_out_of_order_is_reported_in_order_and_a_replay_is_not_stored(
    house: House,
) -> None:
    mail = {"identifier": str(uuid.uuid4())}
    house.add_event("bot-a", NOMINAL_AT - HOUR, type="receive", **mail)
    replayed = uuid.uuid4()
    house.add_event("bot-a", NOMINAL_AT - 2 * HOUR, type="send", uuid=replayed, **mail)
    with pytest.raises(psycopg.errors.UniqueViolation):
        house.add_event("bot-a", NOMINAL_AT - 2 * HOUR, type="send", uuid=replayed, **mail)
    house.run("events-by-bot", {"bot": "bot-a"})
    assert [row[5] for row in house.rows()] == ["send", "receive"]


def test_defect_6_several_addresses_are_one_cell_of_one_row(house: House) -> None:
    house.add_event("bot-a", NOMINAL_AT - HOUR, sent_from="a@vch.ca, other@phsa.ca")
    house.run("events-by-bot", {"bot": "bot-a"})
    assert [row[1] for row in house.rows()] == ["a@vch.ca, other@phsa.ca"]


def test_defect_7_half_written_data_disturbs_no_report(house: House) -> None:
    house.do("add_bot", name="bot-of-no-site", site=None)
    event = {"uuid": uuid.uuid4(), "bot": "bot-of-no-site", "at": NOMINAL_AT - HOUR}
    house.do("add_event", **event, status="PASS", type="send", expired=False)
    found = house.add_event("bot-of-no-site", NOMINAL_AT - HOUR)
    house.run("events-by-bot", {"bot": "bot-of-no-site"})
    assert [row[0] for row in house.rows()] == [found]


def test_defect_8_databases_of_one_name_on_two_servers_are_both_judged(house: House) -> None:
    for server, last_access in (("ex1", LONG_AGO), ("ex101", NOMINAL_AT - HOUR)):
        house.do("add_server", name=server, last_send=None, enabled=True)
        house.do("add_database", name="db01001", server=server, last_access=last_access)
    house.run("dead-databases")
    assert [row[:2] for row in house.rows()] == [["db01001", "ex1"]]


@pytest.mark.parametrize(
    "report", ["no-receive-servers", "no-send-servers", "no-connect-servers", "dead-servers"]
)
def test_defect_9_what_was_never_seen_is_listed_and_an_edit_revives_nothing(
    house: House, report: str
) -> None:
    house.do("add_whole_server", name="never", **dict.fromkeys(SERVER_TIMES, None))
    house.do("add_whole_server", name="old", **dict.fromkeys(SERVER_TIMES, LONG_AGO))
    house.do("edit_servers")
    house.run(report)
    assert [row[0] for row in house.rows()] == ["never", "old"]


def test_defect_10_a_site_of_two_bots_is_reported_once(house: House) -> None:
    house.run("events-by-site")
    assert [command.scope for command in house.publisher.commands] == [{"site": "LGH"}]


def test_defect_11_runs_of_the_same_second_never_swap_their_files(house: House) -> None:
    counts = {"bot-a": 5, "bot-b": 300}
    for bot, count in counts.items():
        house.do("add_many_events", bot=bot, at=NOMINAL_AT - HOUR, count=count)
    runs = [ReportRun(str(uuid.uuid4()), "events-by-bot", NOMINAL_AT, {"bot": bot}) for bot in counts]
    worker = house.make_worker()
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(worker.handle, runs))
    found = {}
    for mail in house.publisher.mails:
        assert isinstance(mail.message, bytes)
        message = read_mail(mail.message)
        (attachment,) = message.iter_attachments()
        found[attachment.get_filename()] = (message["Subject"].split()[7], len(attached_table(message)) - 1)
    assert found == {
        f"events-by-bot_{bot}_2026-11-20T23-45Z.csv": (bot, count) for bot, count in counts.items()
    }


@pytest.mark.parametrize("report", CATALOGUE.reports.values(), ids=CATALOGUE.reports)
def test_defect_12_the_level_is_the_preference_or_error_when_there_are_failures(
    house: House, report: Report
) -> None:
    house.do("put_preference", name="report_level", value="NOTICE")
    house.do("put_preference", name="empty_alerts", value="true")
    entities = {"site": "LGH", "bot": "bot-a"}
    scope: dict[str, str] | None = {report.scope: entities[report.scope]} if report.scope else None
    house.run(report.name, scope)
    assert house.message()["Subject"].startswith("NOTICE ")
    house.publisher.published.clear()
    house.add_event("bot-a", NOMINAL_AT - HOUR, status="FAIL")
    house.do("add_server", name="ex1", last_send=None, enabled=True)
    house.do("add_database", name="db1", server="ex1", last_access=None)
    house.do("add_pair", from_domain="a", status="FAIL", at=None, enabled=True, expired=False)
    house.run(report.name, scope)
    alarming = report.name in {"failed-events-by-bot", "failed-events-by-site", "broken-domain-pairs"}
    assert house.message()["Subject"].startswith("ERROR " if alarming else "NOTICE ")


def test_defect_13_a_disabled_subscription_sends_nothing_and_a_subject_says_when_nothing_is_wrong(
    house: House,
) -> None:
    house.add_event("bot-a", NOMINAL_AT - HOUR)
    house.run("failed-events-by-bot", {"bot": "bot-a"})
    assert house.message()["Subject"].startswith("INFO No Exchange failed send receive events for bot bot-a")
    house.publisher.published.clear()
    house.do("disable_subscription", name=CATALOGUE.reports["failed-events-by-bot"].subscription)
    row = house.ledger(house.run("failed-events-by-bot", {"bot": "bot-a"}))
    assert (row["state"], house.publisher.published) == ("skipped", [])
    assert "is disabled" in row["reason"]


def test_defect_14_expired_events_are_left_out_and_a_window_longer_than_their_life_says_so(
    house: House,
) -> None:
    house.add_event("bot-a", NOMINAL_AT - HOUR, expired=True)
    found = house.add_event("bot-a", NOMINAL_AT - HOUR)
    house.run("events-by-bot", {"bot": "bot-a"})
    assert [row[0] for row in house.rows()] == [found]
    assert "missing from this report" not in house.text()
    house.publisher.published.clear()
    house.run("events-by-bot", {"bot": "bot-a"}, args={"interval": "3d"})
    assert "Events expire after 36 hours, so older ones of this window are missing" in house.text()


def test_defect_15_slashes_in_subjects_and_blanks_in_lists_do_no_harm(house: House) -> None:
    name = CATALOGUE.reports["events-by-site"].subscription
    house.do("set_email_subject", name=name, email_subject="Send/receive events for site", tags="SOC , a/b")
    house.do("set_recipients", name=name, emails_list=" ops@example.com , duty@example.com, ")
    house.do("set_columns", name=name, columns="host_name, identifier ,event_status")
    found = house.add_event("bot-a", NOMINAL_AT - HOUR)
    house.run("events-by-site", {"site": "LGH"})
    (mail,) = house.publisher.mails
    assert mail.rcpt_to == ("ops@example.com", "duty@example.com")
    assert house.rows() == [["bot-a", found, "PASS"]]
    assert house.message()["Subject"] == (
        "[SOC][a/b] INFO Send/receive events for site LGH over the last 12 hours"
    )
    (attachment,) = house.message().iter_attachments()
    assert "/" not in (attachment.get_filename() or "/")


def test_defect_16_every_report_has_the_subscription_that_carries_its_data() -> None:
    assert {report.name: report.subscription for report in CATALOGUE.reports.values()} == {
        "all-domain-pairs": "Mail Verification Report",
        "broken-domain-pairs": "Mail Verification Report",
        "unverified-domain-pairs": "Exchange Send Receive By Site",
        "events-by-bot": "Exchange Send Receive By Bot",
        "failed-events-by-bot": "Exchange Failed Send Receive By Bot",
        "events-by-site": "Exchange Send Receive By Site",
        "failed-events-by-site": "Exchange Failed Send Receive By Site",
        "no-receive-servers": "Exchange Servers No Receive",
        "no-send-servers": "Exchange Servers No Send",
        "no-connect-servers": "Exchange Servers No Connection",
        "dead-servers": "Exchange Servers Not Seen",
        "dead-databases": "Exchange Databases Not Seen",
    }


def test_defect_16_columns_of_another_report_of_the_same_subscription_stop_no_report(house: House) -> None:
    house.do("set_columns", name="Exchange Send Receive By Site", columns="identifier,event_status")
    house.do("add_site_pair", site="LGH", from_domain="stale.example", at=LONG_AGO)
    row = house.ledger(house.run("unverified-domain-pairs"))
    assert [cells[0] for cells in house.rows()] == ["stale.example"]
    assert "the report's own columns are shown" in row["reason"]
