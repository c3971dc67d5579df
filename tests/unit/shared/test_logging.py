from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from shared.telemetry.logging import configure_logging


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    """Logging as it was for the tests after these."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


def fail(password: str) -> None:
    raise ValueError("no such user")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_is_logged_without_the_values_of_variables(
    log_format: Literal["json", "console"], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("test", log_format, "info")
    try:
        fail("hunter" + "2")  # in two pieces, because this line itself is logged
    except ValueError:
        structlog.get_logger().exception("failed", action="test-failed")
    logged = capsys.readouterr().err
    assert "no such user" in logged
    assert "test_logging.py" in logged
    assert "hunter2" not in logged
