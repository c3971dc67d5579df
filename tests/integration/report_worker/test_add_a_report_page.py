"""The example of the page "Add a report" works as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.servers.rabbitmq import Broker
from services.report_worker.catalogue import Catalogue
from tests.integration.report_worker.conftest import House, attached_table
from tests.servers import environment

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "add-a-report.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(SUBSCRIBE_AND_SCHEDULE,) = (text for language, text in BLOCKS[2:] if language == "sql")
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]


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
    carry_out(house, SUBSCRIBE_AND_SCHEDULE)
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


def test_its_schedule_names_the_report(house: House) -> None:
    carry_out(house, SUBSCRIBE_AND_SCHEDULE)
    (row,) = house.do("schedules", like="Quiet bots%")
    assert row["args"] == {"reports": ["quiet-bots"]}


@pytest.mark.usefixtures("catalogue")
def test_its_commands_preview_run_and_list_the_report(
    house: House, database_url: str, broker: Broker, tmp_path: Path
) -> None:
    carry_out(house, SUBSCRIBE_AND_SCHEDULE)
    variables = environment(
        database_url,
        broker,
        MAILROOM_DATABASE_URL=database_url,
        MAILROOM_REPORTS__CATALOGUE_PATH=str(tmp_path),
    )
    for command in COMMANDS:
        assert command.startswith("mailroom ")
        # in a process of its own, because it sets up logging for the whole process
        result = subprocess.run(
            [sys.executable, "-m", "services.console.cli", *command.split()[1:]],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == 0, (command, result.stderr)
    assert "quiet-bots" in result.stdout
    assert "scheduled" in result.stdout
