"""Which rows each report has."""

from datetime import UTC, datetime, timedelta

import pytest

from services.report_worker.catalogue import Catalogue
from tests.integration.report_worker.conftest import NOMINAL_AT, House

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)


@pytest.fixture
def sites(house: House) -> None:
    for name, enabled in (("LGH", True), ("Squamish", True), ("Closed", False)):
        house.do("add_site", name=name, enabled=enabled)
    for name, site in (("bot-a", "LGH"), ("bot-b", "LGH"), ("bot-c", "Squamish"), ("bot-d", "Closed")):
        house.do("add_bot", name=name, site=site)


def test_events_by_site_has_the_sites_sends_and_receives_of_the_window_in_order_of_time(
    house: House, sites: None
) -> None:
    start = NOMINAL_AT - 12 * HOUR
    late = house.add_event("bot-a", NOMINAL_AT - timedelta(microseconds=1), type="receive", status="FAIL")
    first = house.add_event("bot-b", start)
    middle = house.add_event("bot-a", NOMINAL_AT - HOUR)
    house.add_event("bot-a", start - timedelta(microseconds=1))
    house.add_event("bot-a", NOMINAL_AT)
    house.add_event("bot-a", NOMINAL_AT - HOUR, type="connection")
    house.add_event("bot-a", NOMINAL_AT - HOUR, expired=True)
    house.add_event("bot-c", NOMINAL_AT - HOUR)
    house.run("events-by-site", {"site": "LGH"})
    assert [row[0] for row in house.rows()] == [first, middle, late]
    assert house.rows()[0] == [
        first,
        "from@example.com",
        "to@example.com",
        "",
        "",
        "bot-b",
        "send",
        "PASS",
        "2026-11-20T11:45:00.000000+00:00",
    ]
    assert (
        house.message()["Subject"] == "INFO Exchange send receive events for site LGH over the last 12 hours"
    )


def test_failed_events_by_site_has_the_failed_ones_and_is_an_error(house: House, sites: None) -> None:
    house.add_event("bot-a", NOMINAL_AT - HOUR)
    failed = house.add_event("bot-a", NOMINAL_AT - 2 * HOUR, status="FAIL")
    house.run("failed-events-by-site", {"site": "LGH"})
    assert [row[0] for row in house.rows()] == [failed]
    assert house.message()["Subject"] == (
        "ERROR Exchange failed send receive events for site LGH over the last 12 hours"
    )


def test_no_send_servers_lists_silent_and_never_seen_servers_once_each(house: House) -> None:
    threshold = NOMINAL_AT - 12 * HOUR
    for name, last_send, enabled in (
        ("never", None, True),
        ("silent", threshold - timedelta(microseconds=1), True),
        ("longer-silent", threshold - HOUR, True),
        ("busy", threshold, True),
        ("disabled", None, False),
    ):
        house.do("add_server", name=name, last_send=last_send, enabled=enabled)
    house.run("no-send-servers")
    assert [row[0] for row in house.rows()] == ["never", "longer-silent", "silent"]
    assert house.rows()[0] == ["never", ""]


def test_all_domain_pairs_has_the_enabled_pairs_that_are_not_expired(house: House) -> None:
    for name, enabled, expired in (
        ("b", True, False),
        ("a", True, False),
        ("off", False, False),
        ("old", True, True),
    ):
        house.do("add_pair", from_domain=name, status="PASS", at=NOMINAL_AT, enabled=enabled, expired=expired)
    house.run("all-domain-pairs")
    assert [row[0] for row in house.rows()] == ["a", "b"]
    assert house.message()["Subject"] == "INFO Email Verification Report"


@pytest.mark.parametrize("report", sorted(Catalogue.load().reports))
def test_every_report_of_the_catalogue_runs_with_rows_and_without(house: House, report: str) -> None:
    entry = Catalogue.load().reports[report]
    house.do("add_subscription", name=entry.subscription)
    house.do("add_site", name="LGH", enabled=True)
    house.do("add_bot", name="bot-a", site="LGH")
    entities = {"site": "LGH", "bot": "bot-a"}
    scope: dict[str, str] | None = {entry.scope: entities[entry.scope]} if entry.scope else None
    empty = house.ledger(house.run(report, scope))
    assert (empty["state"], empty["row_count"], empty["error"]) == ("empty", 0, None)
    house.add_event("bot-a", NOMINAL_AT - HOUR, status="FAIL")
    house.do("add_server", name="ex1", last_send=None, enabled=True)
    house.do("add_database", name="db1", server="ex1", last_access=None)
    house.do("add_pair", from_domain="a", status="FAIL", at=None, enabled=True, expired=False)
    found = house.ledger(house.run(report, scope))
    assert (found["state"], found["row_count"], found["error"]) == ("sent", 1, None)


def test_the_interval_is_the_preference_at_the_time_of_the_run(house: House) -> None:
    house.do("set_preference", name="report_interval", value="45m")
    house.do("add_server", name="quiet", last_send=NOMINAL_AT - HOUR, enabled=True)
    house.run("no-send-servers")
    assert house.message()["Subject"].endswith("over the last 45 minutes")


def test_a_site_is_one_run_although_it_has_two_bots_and_a_disabled_site_is_none(
    house: House, sites: None
) -> None:
    run = house.run("events-by-site")
    assert [command.scope for command in house.publisher.commands] == [{"site": "LGH"}, {"site": "Squamish"}]
    assert house.ledger(run)["state"] == "fanned-out"
    children = [row for row in house.do("runs") if row["parent_run_id"] == run.run_id]
    assert [row["run_id"] for row in children] == [command.run_id for command in house.publisher.commands]
    assert {row["state"] for row in children} == {"scheduled"}


def test_an_hour_that_comes_twice_is_told_apart_by_its_zone(house: House, sites: None) -> None:
    house.nominal_at = datetime(2026, 11, 1, 15, 45, tzinfo=UTC)
    for hour in (8, 9):
        house.add_event("bot-a", datetime(2026, 11, 1, hour, 30, tzinfo=UTC))
    house.run("events-by-site", {"site": "LGH"})
    assert [row[-1][:19] for row in house.rows()] == ["2026-11-01T08:30:00", "2026-11-01T09:30:00"]
    text = house.text()
    assert text.index("2026-11-01 01:30:00 PDT") < text.index("2026-11-01 01:30:00 PST")


def test_a_schedule_may_have_an_interval_of_its_own(house: House) -> None:
    house.do("add_server", name="quiet", last_send=NOMINAL_AT - 7 * HOUR, enabled=True)
    house.run("no-send-servers", args={"interval": "6h"})
    assert house.rows()[0][0] == "quiet"
    assert house.message()["Subject"].endswith("over the last 6 hours")


def test_a_summary_counts_rows_and_failures_by_bot(house: House, sites: None) -> None:
    for number in range(3):
        house.add_event("bot-a", NOMINAL_AT - HOUR, status="FAIL" if number else "PASS")
    house.add_event("bot-b", NOMINAL_AT - HOUR, status="FAIL")
    house.run("events-by-site", {"site": "LGH"})
    assert "4 rows, 3 failures (bot-a 2, bot-b 1), from 2026-11-20 03:45:00 PST" in house.text()


def test_so_many_rows_that_counting_takes_long_are_not_counted(
    house: House, sites: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.report_worker.composer.MOST_COUNTED", 1)
    for _ in range(2):
        house.add_event("bot-a", NOMINAL_AT - HOUR, status="FAIL")
    house.run("events-by-site", {"site": "LGH"})
    assert "2 rows, from 2026-11-20 03:45:00 PST" in house.text()


def test_cells_that_start_like_formulas_are_text_and_quoted_line_ends_stay(house: House, sites: None) -> None:
    hostile = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\tx",
        "\r=1",
        "\n=1",
        "\N{FULLWIDTH EQUALS SIGN}1",
        'plain "quoted"\nsecond, line',
        "'=",
        "",
    ]
    for minutes, text in enumerate(hostile):
        house.add_event("bot-a", NOMINAL_AT - HOUR + timedelta(minutes=minutes), sent_from=text)
    house.run("events-by-site", {"site": "LGH"})
    assert [row[1] for row in house.rows()] == [
        *(f"'{text}" for text in hostile[:8]),
        'plain "quoted"\nsecond, line',
        "'=",
        "",
    ]


def test_a_hundred_thousand_rows_are_all_in_the_zip_and_the_first_ones_in_the_body(
    house: House, sites: None
) -> None:
    house.do("add_many_events", bot="bot-a", at=NOMINAL_AT - HOUR, count=100_000)
    run = house.run("events-by-site", {"site": "LGH"}, attachment_limit=8 << 20, inline_limit=64 << 20)
    assert house.ledger(run)["row_count"] == 100_000
    assert house.ledger(run)["csv_bytes"] > 8 << 20
    (attachment,) = house.message().iter_attachments()
    assert attachment.get_filename() == "events-by-site_LGH_2026-11-20T23-45Z.zip"
    body = house.message().get_body(("html",))
    assert body is not None
    assert body.get_content().count("<tr valign") == 100
    assert "The first 100 of 100,000 rows are shown." in body.get_content()
