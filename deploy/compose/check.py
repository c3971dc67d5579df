"""Sees that the composition works: a report and a non-delivery report arrive in its mail catcher.

Run by `make up`; `python3 deploy/compose/check.py` does it again. It needs the Python of the machine alone,
asks nobody anything, and exits 0 when both arrived, else 1 with what is missing and what the containers say.
"""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent
#: How `docker compose` is called here; COMPOSE_COMMAND says it otherwise, as with another file on top.
COMPOSE = os.environ.get("COMPOSE_COMMAND", f"docker compose --file {_FOLDER / 'compose.yaml'}").split()
CATCHER = f"http://127.0.0.1:{os.environ.get('CATCHER_PORT', '8025')}/messages.json"
#: It is mailed although there are no rows yet.
_REPORT = "all-domain-pairs"
_SECONDS = float(os.environ.get("CHECK_SECONDS", "180"))
_PAUSE = 1.0

Mail = dict[str, Any]


class CheckFailed(Exception):
    """Something did not come, or could not be asked for."""


def is_report(mail: Mail, run_id: str) -> bool:
    """Whether a mail of the catcher's list is the report of a run."""
    return run_id in str(mail["message_id"])


def is_notification(mail: Mail, sender: str) -> bool:
    """Whether a mail of the catcher's list tells this sender of a bounce: from nobody, to them alone."""
    return mail["mail_from"] == "" and mail["rcpt_tos"] == [sender]


def main() -> int:
    """Ask for a report, add a bounce, and wait for both mails."""
    try:
        caught()
        sender = f"check-{secrets.token_hex(4)}@mailroom.example"
        run_id = str(mailroom("reports", "run", _REPORT, "--json")["run_id"])
        bounce(sender)
        print(f"check: waiting for report {run_id} and for the notification to {sender}", flush=True)
        wait_for(f"the report {_REPORT}", lambda mail: is_report(mail, run_id))
        wait_for("the non-delivery report", lambda mail: is_notification(mail, sender))
    except CheckFailed as failure:
        print(f"check: {failure}", file=sys.stderr)
        show_containers()
        return 1
    print(f"check: both arrived; read them at {CATCHER.removesuffix('messages.json')}")
    return 0


def bounce(sender: str) -> None:
    """Put a message into the queue of bounces."""
    mailroom(
        *("bounces", "add", "--sender", sender, "--recipient", "nobody@nowhere.example", "--json"),
        *("--diagnostic", "550 5.1.1 no such user", "--smtp-status", "550", "--file", "/tmp/bounced.eml"),  # noqa: S108 - in the container
        mounting=f"{_FOLDER / 'bounced.eml'}:/tmp/bounced.eml:ro",
    )


def mailroom(*arguments: str, mounting: str | None = None) -> dict[str, Any]:
    """Run `mailroom` in a container; returns the JSON that it prints.

    Raises:
        CheckFailed: it failed.
    """
    mount = ["--volume", mounting] if mounting else []
    command = [*COMPOSE, "run", "--rm", "--no-deps", "-T", *mount, "mailroom", *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise CheckFailed(f"mailroom {' '.join(arguments)} ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def caught() -> list[Mail]:
    """Ask the catcher for all its mails.

    Raises:
        CheckFailed: it does not answer.
    """
    try:
        with urllib.request.urlopen(CATCHER, timeout=10) as answer:
            mails: list[Mail] = json.load(answer)
    except (OSError, urllib.error.URLError) as error:
        raise CheckFailed(f"the catcher does not answer at {CATCHER}: {error}") from error
    return mails


def wait_for(what: str, wanted: Callable[[Mail], bool]) -> None:
    """Wait until a wanted mail is in the catcher.

    Raises:
        CheckFailed: it did not come in time.
    """
    started = time.monotonic()
    while not any(wanted(mail) for mail in caught()):
        if time.monotonic() - started > _SECONDS:
            raise CheckFailed(f"{what} did not arrive within {_SECONDS:.0f} s")
        time.sleep(_PAUSE)
    print(f"check: {what} arrived after {time.monotonic() - started:.0f} s", flush=True)


def show_containers() -> None:
    """Show what became of the containers and what they said last."""
    for words in (["ps", "--all"], ["logs", "--tail", "15", "--no-color"]):
        subprocess.run([*COMPOSE, *words], check=False)  # noqa: S603 - our own words


if __name__ == "__main__":
    sys.exit(main())
