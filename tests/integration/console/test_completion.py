"""What the shell completes, by the protocol that the completion script speaks."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.console.cli import app
from tests.integration.console.conftest import Mailroom

pytestmark = pytest.mark.integration


def completed(words: list[str], variables: dict[str, str], shell: str = "bash") -> list[str]:
    """What is offered for the last of the words, typed as they are."""
    protocol = {
        "_MAILROOM_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "\n".join(["mailroom", *words]),
        "COMP_CWORD": str(len(words)),
        "_TYPER_COMPLETE_ARGS": " ".join(["mailroom", *words]),
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    result = CliRunner().invoke(app, [], prog_name="mailroom", env={**variables, **protocol})
    assert result.stderr == ""
    return [line for line in result.stdout.splitlines() if line]


@pytest.fixture
def estate(mailroom: Mailroom) -> Mailroom:
    mailroom("db", "load-sample", "--scale", "0.01")
    return mailroom


def test_names_in_the_database_are_completed(estate: Mailroom, tmp_path: Path) -> None:
    config = tmp_path / "mailroom.toml"
    config.write_text(f'database_url = "{estate.variables["MAILROOM_DATABASE_URL"]}"\n')
    site = estate.json("schedules", "explain", "Exchange send receive by site report")["reports"][0]["mails"][
        0
    ]

    def offered(*words: str) -> list[str]:
        return completed(["--config", str(config), *words], {})

    assert offered("schedules", "enable", "No") == [
        r"No\ connect\ exchange\ servers\ report",
        r"No\ receive\ exchange\ servers\ report",
        r"No\ send\ exchange\ servers\ report",
    ]
    assert offered("schedules", "show", r"No\ c") == [r"No\ connect\ exchange\ servers\ report"]
    assert offered("schedules", "show", "'No c") == ["No connect exchange servers report"]
    assert offered("subscriptions", "mute", r"Exchange\ Servers\ No\ S") == [r"Exchange\ Servers\ No\ Send"]
    assert offered("reports", "preview", "dead-") == ["dead-databases", "dead-servers"]
    assert offered("reports", "run", "events-by-site", "--site", f"'{site['entity'][:-1]}") == [
        site["entity"]
    ]
    assert "exchange__report_interval" in offered("preferences", "get", "exchange__report")
    assert offered("schedules", "show", "nothing") == []


def test_other_shells_quote_by_themselves(estate: Mailroom) -> None:
    words = ["subscriptions", "show", r"Exchange\ Servers\ No\ S"]
    assert completed(words, estate.variables, "fish") == ["Exchange Servers No Send"]


def test_nothing_is_said_when_nothing_can_be_looked_up() -> None:
    away = {"MAILROOM_DATABASE_URL": "postgresql://127.0.0.1:1/mailroom"}
    wrong = {"MAILROOM_DATABASE_URL": "mysql://localhost", "MAILROOM_NONSENSE": "1"}
    for variables in (away, wrong):
        assert completed(["schedules", "show", "No"], variables) == []


def test_the_completion_script_is_printed_for_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    result = CliRunner().invoke(
        app, ["--show-completion", "bash"], prog_name="mailroom", env=dict(os.environ)
    )
    assert result.exit_code == 0
    assert "_MAILROOM_COMPLETE=complete_bash" in result.stdout
