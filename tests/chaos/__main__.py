"""`make chaos`: nothing lost, nothing twice, whatever is killed, restarted, cut or full meanwhile."""

import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from rich.console import Console

from shared.errors import MailroomError
from tests.chaos.plan import Kind
from tests.chaos.run import run
from tests.chaos.summary import bounds, show

_SECONDS = 600.0
_ENDING = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Run the suite as the environment says; returns 0 when all is well, else 1."""
    for ending in _ENDING:
        # A parent such as a CI job may have left SIGINT ignored; the suite always ends in order.
        signal.signal(ending, _end)
    try:
        seconds = float(os.environ.get("CHAOS_SECONDS") or _SECONDS)
        seed = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(2**31))
        without = [Kind(name.strip()) for name in os.environ.get("CHAOS_WITHOUT", "").split(",") if name]
        return 0 if suite(seed, seconds, without) else 1
    except (MailroomError, ValueError) as error:
        print(f"chaos: {error}", file=sys.stderr)  # noqa: T201 - a command line program
        return 1
    except KeyboardInterrupt:
        return 1


def _end(*_: object) -> None:
    """Begin to clean up, which takes up to a minute and must not be cut short by a second signal."""
    for ending in _ENDING:
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt


def suite(seed: int, seconds: float, without: Collection[Kind] = ()) -> bool:
    """Run once, print what happened, and tell whether the books balance and every bound holds.

    Args:
        seed: of plan, load and sink.
        seconds: for how long things go wrong.
        without: kinds of faults that are planned and not done.

    Raises:
        ServersMissing: PostgreSQL's or RabbitMQ's programs are not installed.
        ServerFailed: a server did not start.
    """
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(f"CHAOS_SEED={seed} CHAOS_SECONDS={seconds:g}")
    logs = Path(tempfile.mkdtemp(prefix="mailroom-chaos-logs-"))
    well = False
    try:
        result = run(seed, seconds, logs, console.print, without)
        troubles = result.troubles + bounds(result, seconds)
        show(console, result, troubles, seed)
        well = not troubles
    finally:
        if well or not any(logs.iterdir()):
            shutil.rmtree(logs)
        else:
            console.print(f"What the services said is in {logs}", markup=False)
    return well


if __name__ == "__main__":
    sys.exit(main())
