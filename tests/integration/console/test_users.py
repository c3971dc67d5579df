"""`mailroom users`, and the web console's part of `mailroom db`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from services.console.cli import app
from services.console.users.users import LastAdmin, UserInvalid
from services.console.web import project
from shared.settings import load_settings
from tests.integration.console.conftest import Mailroom

pytestmark = pytest.mark.integration
PASSWORD = "correct horse battery"


def typed(mailroom: Mailroom, text: str, *arguments: str) -> Result:
    """What `mailroom` says when `text` is piped into it."""
    return CliRunner().invoke(app, list(arguments), input=text, env=mailroom.variables)


@pytest.fixture
def console(mailroom: Mailroom) -> Mailroom:
    """A database with the console's own schema."""
    project.migrate(load_settings(None, mailroom.variables))
    return mailroom


def test_users_are_added_listed_changed_and_removed(console: Mailroom, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n")
    assert typed(console, f"{PASSWORD}\n", "users", "add", "root", "--role", "admin").exit_code == 0
    ann = ("ann", "--role", "viewer", "--email", "ann@example.org", "--password-file", str(password))
    added = console.json("users", "add", *ann)
    assert (added["name"], added["role"], added["active"]) == ("ann", "viewer", True)

    assert console.json("users", "role", "ann", "operator")["role"] == "operator"
    assert "ann may try" in console("users", "unlock", "ann").stdout
    assert [user["name"] for user in console.json("users", "list")] == ["ann", "root"]

    assert console.json("users", "remove", "ann")["role"] is None
    assert isinstance(console("users", "remove", "root").exception, LastAdmin)


def test_a_password_is_never_shown_nor_taken_from_the_command_line(console: Mailroom) -> None:
    weak = typed(console, "hunter2\n", "users", "add", "ann", "--role", "admin")
    assert isinstance(weak.exception, UserInvalid)
    assert "at least 12 characters" in str(weak.exception)
    assert "hunter2" not in str(weak.exception)
    assert console("users", "add", "ann", PASSWORD, "--role", "admin").exit_code == 2
    assert typed(console, "", "users", "add", "ann", "--role", "admin").exit_code == 1
    assert console.json("users", "list") == []


def test_migrate_brings_the_consoles_schema_whoever_runs_it_how_often(
    fresh_database_url: str, console_status: Any
) -> None:
    variables = {**os.environ, "MAILROOM_DATABASE_URL": fresh_database_url}
    command = [sys.executable, "-m", "services.console.cli", "db", "migrate", "--json"]
    at_once = [subprocess.Popen(command, env=variables, stdout=subprocess.PIPE) for _ in range(2)]
    applied = [name for one in at_once for name in json.loads(one.communicate(timeout=120)[0])["applied"]]

    assert [one.returncode for one in at_once] == [0, 0]
    assert len(applied) == len(set(applied))
    assert "console.auth.0001_initial" in applied
    assert console_status(fresh_database_url) == (True, [])
    with psycopg.connect(fresh_database_url) as connection:
        groups = connection.execute("SELECT name FROM console.auth_group ORDER BY name").fetchall()
    assert groups == [("admin",), ("operator",), ("viewer",)]


def test_status_tells_that_the_consoles_schema_is_missing(database_url: str, console_status: Any) -> None:
    applied, missing = console_status(database_url)
    assert not applied
    assert "console.auth.0001_initial" in missing


@pytest.fixture
def console_status() -> Any:
    """Tells whether `db status` has the console's migrations as applied, and which are missing."""

    def read(url: str) -> tuple[bool, list[str]]:
        result = CliRunner().invoke(app, ["db", "status", "--json"], env={"MAILROOM_DATABASE_URL": url})
        status = json.loads(result.stdout)
        return "console.auth.0001_initial" in status["applied"], status["missing"]

    return read
