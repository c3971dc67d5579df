from pathlib import Path

import pytest

from services.report_worker.catalogue import Catalogue
from services.report_worker.report import CatalogueEntryBroken, parse_report
from tests.unit.report_worker.samples import SERVERS

TOML = """
title = "Users"
subscription = "Ops"
subject = "Users seen"
explanation = "All of them."
[without_rows]
subject = "No users"
text = "Nobody."
[[columns]]
name = "name"
heading = "Name"
"""
SQL = "SELECT name FROM users WHERE seen < %(nominal_at)s AND name LIKE 'a%%';\n"


def test_our_own_reports_are_all_usable() -> None:
    catalogue = Catalogue.load()
    assert not catalogue.broken
    assert set(catalogue.reports) == {
        "all-domain-pairs",
        "broken-domain-pairs",
        "dead-databases",
        "dead-servers",
        "events-by-bot",
        "events-by-site",
        "failed-events-by-bot",
        "failed-events-by-site",
        "no-connect-servers",
        "no-receive-servers",
        "no-send-servers",
        "unverified-domain-pairs",
    }


def test_a_report_is_a_folder_entry(tmp_path: Path) -> None:
    (tmp_path / "users.toml").write_text(TOML)
    (tmp_path / "users.sql").write_text(SQL)
    (tmp_path / "README.md").write_text("not a report")
    users = Catalogue.load(tmp_path).reports["users"]
    assert users.sql == "SELECT name FROM users WHERE seen < %(nominal_at)s AND name LIKE 'a%%'"
    assert users.columns[0].kind == "text"


def test_broken_entries_are_named_and_do_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "users.toml").write_text(TOML)
    (tmp_path / "users.sql").write_text(SQL)
    (tmp_path / "lonely.toml").write_text(TOML)
    (tmp_path / "garbled.toml").write_text("title = ")
    (tmp_path / "garbled.sql").write_text(SQL)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "binary.sql").write_text(SQL)
    (tmp_path / "no-send-servers.toml").write_text(TOML)
    (tmp_path / "no-send-servers.sql").write_text(SQL)
    catalogue = Catalogue.load(tmp_path)
    assert "users" in catalogue.reports
    assert catalogue.reports["no-send-servers"].title != "Users"
    assert set(catalogue.broken) == {"lonely", "garbled", "binary", "no-send-servers"}
    assert "lonely.sql is missing" in catalogue.broken["lonely"]
    assert "garbled.toml is not TOML" in catalogue.broken["garbled"]


def test_a_catalogue_path_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueEntryBroken, match=r"reports\.catalogue_path"):
        Catalogue.load(tmp_path / "missing")


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        (TOML.replace('subject = "Users seen"', ""), "subject"),
        (f'colour = "red"\n{TOML}', "colour"),
        (TOML.replace("Users seen", "Users\\nBcc: eve"), "subject"),
        (TOML.replace('heading = "Name"', 'heading = "<b>"'), "heading"),
        (TOML.replace('name = "name"', 'name = "a; drop"'), "name"),
        (TOML.replace("[[columns]]", "[[columns]]\nkind = 'colour'"), "kind"),
        (TOML.replace("[[columns]]", "[[others]]"), "columns"),
        (f"columns = []\n{TOML.split('[[columns]]', maxsplit=1)[0]}", "no [[columns]]"),
        (f'{TOML}[[columns]]\nname = "name"\nheading = "Again"', "same name"),
    ],
)
def test_a_report_that_would_not_work_is_refused_with_the_reason(toml: str, complaint: str) -> None:
    with pytest.raises(CatalogueEntryBroken) as refusal:
        parse_report("users", toml, SQL)
    assert "report users" in str(refusal.value)
    assert complaint in str(refusal.value)


@pytest.mark.parametrize("sql", ["SELECT %(sites)s", "SELECT %(site)s", "SELECT 'a%'", "SELECT %s", "  ; "])
def test_sql_that_asks_for_what_it_does_not_get_is_refused(sql: str) -> None:
    with pytest.raises(CatalogueEntryBroken, match=r"users\.sql"):
        parse_report("users", TOML, sql)


def test_a_scoped_report_gets_its_scope() -> None:
    assert parse_report("users", f'scope = "site"\n{TOML}', "SELECT %(site)s").scope == "site"


def test_a_subscription_chooses_and_orders_columns_that_the_report_has() -> None:
    assert [column.name for column in SERVERS.columns_shown(["last_send", "server"])] == [
        "last_send",
        "server",
    ]
    assert SERVERS.columns_shown([]) == SERVERS.columns
    assert SERVERS.columns_shown(["server", "event_type"]) == SERVERS.columns
