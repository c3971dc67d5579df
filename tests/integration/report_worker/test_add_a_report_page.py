"""The example of the page "Add a report" works as it stands there."""

import re
from pathlib import Path

import pytest
from psycopg.rows import tuple_row

from services.report_worker.catalogue import Catalogue
from tests.integration.report_worker.conftest import House, attached_table

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "add-a-report.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """The two files of step 1, in a folder."""
    for (language, text), expected in zip(BLOCKS[:2], ("sql", "toml"), strict=True):
        assert language == expected
        (tmp_path / f"quiet-bots.{language}").write_text(text)
    return Catalogue.load(tmp_path)


def carry_out(house: House, block: str) -> None:
    for statement in filter(str.strip, block.split(";\n")):
        house.connection.execute(statement.encode())


def test_the_example_reports_silent_bots(house: House, catalogue: Catalogue) -> None:
    assert catalogue.broken == {}
    subscribe, try_now, look = (text for language, text in BLOCKS[2:] if language == "sql")
    carry_out(house, subscribe)
    house.do("add_site", name="LGH", enabled=True)
    house.do("add_bot", name="silent-bot", site="LGH")
    run = house.run("quiet-bots", catalogue=catalogue)
    assert house.ledger(run)["state"] == "sent"
    assert attached_table(house.message()) == [
        ["Host Name", "Site", "Last Seen"],
        ["silent-bot", "LGH", ""],
    ]
    assert house.message()["Subject"] == "INFO Bots that have reported nothing over the last 12 hours"
    assert house.publisher.mails[0].rcpt_to == ("exchange@example.org",)
    carry_out(house, try_now)
    with house.connection.cursor(row_factory=tuple_row) as cursor:
        (found,) = cursor.execute(look.encode()).fetchall()
    assert found[0] == "quiet-bots"


def test_its_schedules_name_the_report(house: House, catalogue: Catalogue) -> None:
    subscribe, try_now, _ = (text for language, text in BLOCKS[2:] if language == "sql")
    carry_out(house, subscribe)
    carry_out(house, try_now)
    for row in house.do("schedules", like="Quiet bots%"):
        assert row["args"] == {"reports": ["quiet-bots"]}
    assert len(house.do("schedules", like="Quiet bots%")) == 2
