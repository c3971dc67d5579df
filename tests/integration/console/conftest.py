"""The command line on a database and a broker of one's own, and the bounce queue as a test reads it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from demo.servers.rabbitmq import Broker
from services.console.cli import app
from shared.database.statements import load_statements
from tests.servers import environment

SQL = {
    **load_statements("tests.integration.console", "bounces.sql"),
    **load_statements("tests.integration.console", "reports.sql"),
}
ORIGINAL = b"From: ann@example.com\r\nSubject: hello\r\nMessage-ID: <1@example.com>\r\n\r\nbody\r\n"


class Mailroom:
    """`mailroom` with a test's settings."""

    def __init__(
        self, variables: dict[str, str], connection: psycopg.Connection[Any], original: Path
    ) -> None:
        self.variables = variables
        self._connection = connection
        self._original = original

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], env=self.variables)

    def json(self, *arguments: str) -> Any:
        result = self(*arguments, "--json")
        assert result.exit_code == 0, (result.output, result.exception)
        return json.loads(result.stdout)

    def in_a_process(self, *arguments: str) -> Any:
        """Run a command in a process of its own, because it sets up logging for the whole process."""
        result = subprocess.run(
            [sys.executable, "-m", "services.console.cli", *arguments, "--json"],
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def poll_once(self) -> Any:
        return self.in_a_process("ndr", "poll-once")

    def add(self, *recipients: str, sender: str = "ann@example.com", **options: str) -> list[int]:
        """Add a bounced message; returns the ids of its entries."""
        to = [part for recipient in recipients for part in ("--recipient", recipient)]
        extra = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
        added = self.json("bounces", "add", "--sender", sender, *to, "--file", str(self._original), *extra)
        return list(added["entry_ids"])

    def do(self, name: str, **parameters: object) -> None:
        self._connection.execute(SQL[name], parameters)

    def rows(self, name: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(SQL[name], parameters).fetchall()


@pytest.fixture
def mailroom(database_url: str, broker: Broker, tmp_path: Path) -> Iterator[Mailroom]:
    original = tmp_path / "original.eml"
    original.write_bytes(ORIGINAL)
    with psycopg.connect(database_url, autocommit=True) as connection:
        variables = environment(database_url, broker, MAILROOM_DATABASE_URL=database_url)
        yield Mailroom(variables, connection, original)
