"""A service process: --check, health pages, exit codes."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from demo.servers.rabbitmq import Broker
from tests.servers import environment

pytestmark = pytest.mark.integration
SERVICES = ("scheduler", "report_worker", "ndr_worker", "mail_relay")


def check(service: str, variables: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"services.{service}", "--check", *arguments],
        env={**{k: v for k, v in os.environ.items() if not k.startswith("MAILROOM_")}, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("service", SERVICES)
def test_check_finds_everything_in_order(service: str, database_url: str, broker: Broker) -> None:
    answer = check(service, environment(database_url, broker))
    assert (answer.returncode, answer.stderr) == (0, "")


def test_check_tells_three_mistakes_at_once_and_exits_78(tmp_path: Path) -> None:
    config = tmp_path / "mailroom.toml"
    config.write_text('[ndr]\nintervall_low = "5s"\ninterval_high = "a while"\nndr_from = "postmaster"\n')
    answer = check("ndr_worker", {}, "--config", str(config))
    assert answer.returncode == 78
    assert "intervall_low: unknown key; did you mean interval_low?" in answer.stderr
    assert "interval_high = 'a while': not a time span" in answer.stderr
    assert "ndr_from = 'postmaster': not a mail address" in answer.stderr


def test_check_tells_of_every_server_that_does_not_answer() -> None:
    answer = check(
        "scheduler",
        {
            "MAILROOM_DATABASE_URL": "postgresql://127.0.0.1:1/x",
            "MAILROOM_AMQP_URL": "amqp://guest:secret@127.0.0.1:1/",
        },
    )
    assert answer.returncode == 78
    assert "MAILROOM_DATABASE_URL" in answer.stderr
    assert "MAILROOM_AMQP_URL" in answer.stderr
    assert "secret" not in answer.stderr


def test_check_tells_of_a_schema_that_was_not_migrated(fresh_database_url: str, broker: Broker) -> None:
    answer = check(
        "mail_relay",
        {"MAILROOM_DATABASE_URL": fresh_database_url, "MAILROOM_AMQP_URL": broker.amqp_url},
    )
    assert answer.returncode == 78
    assert "mailroom db migrate" in answer.stderr
