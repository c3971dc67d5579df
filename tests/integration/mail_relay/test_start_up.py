import os
import subprocess
import sys

import pytest

from demo.servers.rabbitmq import Broker
from tests.servers import environment

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_a_relay_that_could_not_submit_does_not_start_and_says_why(
    database_url: str, broker: Broker, arguments: list[str]
) -> None:
    unsafe = environment(database_url, broker, MAILROOM_SMTP_URL="smtp://ann:secret@mx.example.org")
    process = subprocess.run(
        [sys.executable, "-m", "services.mail_relay", *arguments],
        env={**os.environ, **unsafe},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 78
    assert "write smtp+starttls://" in process.stderr
    assert "secret" not in process.stderr
