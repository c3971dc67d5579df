"""Ending a run of tests early."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_until

pytestmark = pytest.mark.integration
_ROOT = Path(__file__).parents[2]
#: Something to remove, and a test that goes on until it is interrupted.
_TEST = """
import threading
from pathlib import Path
import pytest

@pytest.fixture(scope="session")
def something(request):
    place = Path(__file__).with_suffix(".held")
    place.touch()
    yield
    place.unlink()

def test_for_ever(something):
    threading.Event().wait()
"""


def test_a_terminated_run_removes_what_its_processes_hold(tmp_path: Path) -> None:
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(_TEST)
    command = [sys.executable, "-m", "pytest", "-p", "tests.interruption", "-p", "no:cacheprovider"]
    with subprocess.Popen(
        [*command, "--numprocesses=2", "--dist=loadfile", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        wait_until(lambda: len(list(tmp_path.glob("*.held"))) == 2, 60)
        run.send_signal(signal.SIGTERM)
        run.wait(60)
    assert list(tmp_path.glob("*.held")) == []
