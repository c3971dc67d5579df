"""`mailroom ndr`: one NDR without sending it, and one chain of polls now."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from services.console.connection import transaction
from services.console.ndr.polling import poll_once
from services.console.ndr.preview import first_message
from services.console.ndr.preview import preview as preview_entry
from services.console.output import AsJson, print_json, shown
from services.console.progress import progress_bar
from services.console.publishing import publishing
from services.ndr_worker.issue import Issued
from shared.database.connections import check_database, open_pool
from shared.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="The work of the NDR worker, by hand.")


@app.command("preview")
def preview(
    context: typer.Context,
    entry: Annotated[int, typer.Argument(help="Id as `bounces list` shows it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Print the NDR an entry would get, with all that would be in it; nothing is claimed or sent."""
    settings = load_settings(context.obj)
    with transaction(settings.database_url) as connection:
        issued = preview_entry(connection, entry, settings, datetime.now(UTC))
    if as_json:
        print_json(_as_record(issued))
        return
    for ending in issued.finished:
        reason = f" ({shown(ending.quarantine_reason)})" if ending.quarantine_reason else ""
        recipient = shown(ending.entry.recipient)
        print(f"entry {ending.entry.entry_id} to {recipient}: {ending.action}{reason}", file=sys.stderr)
    for mail in issued.mails:
        print(f"{mail.kind} to {shown(', '.join(mail.rcpt_to))}", file=sys.stderr)
    sys.stderr.flush()
    sys.stdout.buffer.write(first_message(issued))
    sys.stdout.flush()


@app.command("poll-once")
def poll(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Run one chain of polls now, in this process: claim and report until the queue is empty."""
    settings = load_settings(context.obj)
    check_database(settings.database_url)
    with (
        publishing(settings) as publisher,
        open_pool(settings.database_url, "mailroom console", size=2) as pool,
        progress_bar("bounces", "entries") as progress,
    ):
        counts = poll_once(pool, publisher, settings, progress)
    if as_json:
        print_json(counts)
        return
    print(f"{counts.batches} batch(es), {counts.mails} mail(s) published")
    for action, count in sorted(counts.entries.items()):
        print(f"{action:24} {count:>8}")


def _as_record(issued: Issued) -> dict[str, Any]:
    return {
        "mails": [
            {
                "mail_id": mail.mail_id,
                "kind": mail.kind,
                "rcpt_to": mail.rcpt_to[0],
                "message": mail.message.decode("utf-8", "replace")
                if isinstance(mail.message, bytes)
                else None,
            }
            for mail in issued.mails
        ],
        "entries": [
            {
                "entry_id": ending.entry.entry_id,
                "recipient": ending.entry.recipient,
                "action": ending.action,
                "reason": ending.quarantine_reason,
            }
            for ending in issued.finished
        ],
    }
