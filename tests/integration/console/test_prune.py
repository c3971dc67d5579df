"""`mailroom db prune`, with and without `--dry-run`, and what `db status` says of partitions."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from shared.database.statements import load_statements
from tests.integration.console.conftest import Mailroom

pytestmark = pytest.mark.integration
SQL = load_statements("tests.integration.scheduler", "housekeeping.sql")


@pytest.fixture
def old_audit(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for entry_id in (1, 2, 3):
            connection.execute(SQL["add_audit"], {"entry_id": entry_id, "ago": timedelta(days=400)})


def audit_rows(mailroom: Mailroom) -> int:
    return int(mailroom.json("db", "status")["rows"]["bounce_audit"])


@pytest.mark.usefixtures("old_audit")
def test_a_dry_run_tells_what_would_go_and_removes_nothing(mailroom: Mailroom) -> None:
    told = mailroom.json("db", "prune", "--dry-run")
    assert (told["dry_run"], told["rows"]["bounce_audit"], told["rows"]["mail_delivery"]) == (True, 3, 0)
    assert set(told["cutoffs"]["rows"]) >= {"bounce_audit", "mail_delivery", "report_run"}
    assert "would be removed" in mailroom("db", "prune", "--dry-run").stdout
    assert audit_rows(mailroom) == 3


@pytest.mark.usefixtures("old_audit")
def test_pruning_removes_it_and_says_so(mailroom: Mailroom) -> None:
    result = mailroom("db", "prune")
    assert result.exit_code == 0, result.output
    assert [line.split()[-1] for line in result.stdout.splitlines() if line.startswith("bounce_audit")] == [
        "3"
    ]
    assert "months dropped: none" in result.stdout
    assert audit_rows(mailroom) == 0
    assert mailroom.json("db", "prune")["rows"] == {}


@pytest.mark.usefixtures("old_audit")
def test_what_the_settings_keep_for_ever_is_kept(mailroom: Mailroom) -> None:
    mailroom.variables["MAILROOM_RETENTION__AUDIT"] = "0"
    assert "kept for ever" in mailroom("db", "prune").stdout
    assert audit_rows(mailroom) == 3


def test_the_status_lists_the_partitions_with_rows_and_size(mailroom: Mailroom) -> None:
    mailroom("db", "load-sample", "--scale", "0.01")
    status = mailroom.json("db", "status")
    partitions = {each["name"]: each for each in status["partitions"]}
    this_month = partitions[f"bot_event_{datetime.now(UTC):%Y_%m}"]
    assert sum(each["rows"] for each in partitions.values()) == status["rows"]["bot_event"] > 0
    assert partitions["bot_event_default"]["rows"] == 0
    assert this_month["octets"] > 0
    assert f"{this_month['name']} " in mailroom("db", "status").stdout
