"""The reference page of the commands names what there is, and nothing else."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from services.console.cli import app

PAGE = (Path(__file__).parents[3] / "docs/reference/commands.md").read_text("utf-8")
TOP: Any = typer.main.get_command(app)
#: A group has commands; one that stands by itself is its own.
COMMANDS = {
    f"{group_name} {name}".strip(): command
    for group_name, group in TOP.commands.items()
    for name, command in getattr(group, "commands", {"": group}).items()
}


def section(group: str) -> str:
    _, _, rest = PAGE.partition(f"\n### `mailroom {group}`\n")
    return re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_row_and_its_options_stand_below(name: str) -> None:
    text = section(name.partition(" ")[0])
    options = {
        option for parameter in COMMANDS[name].params for option in parameter.opts if option[:2] == "--"
    }

    assert f"\n| `{name}" in text
    assert [option for option in sorted(options - {"--json", "--help"}) if f"`{option}" not in text] == []


@pytest.mark.parametrize("group", TOP.commands)
def test_every_row_is_of_a_command_that_exists(group: str) -> None:
    rows = re.findall(rf"^\| `({group} [\w-]+)", section(group), re.MULTILINE)

    assert [row for row in rows if row not in COMMANDS] == []


def test_every_command_that_lists_or_changes_prints_json() -> None:
    without = {
        name
        for name, command in COMMANDS.items()
        if "--json" not in {option for parameter in command.params for option in parameter.opts}
    }

    assert without == {"config check"}
