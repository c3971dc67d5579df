"""`mailroom bounces`: the bounce queue, and why somebody did or did not get an NDR."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from services.console.bounces import queue
from services.console.bounces.history import nearest_address, read_history
from services.console.bounces.queue import BouncedRecipient, Failure, State
from services.console.bounces.why import explain
from services.console.connection import transaction
from services.console.files import read_file
from services.console.output import AsJson, print_json, print_table, shown
from shared.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="The bounce queue.")

Limit = Annotated[int, typer.Option(min=1, help="The most to show.")]
EntryIds = Annotated[list[int], typer.Argument(metavar="ENTRY...", help="Ids as `bounces list` shows them.")]
_LISTED = ("entry", "state", "sender", "recipient", "status", "at", "detail")


@app.command("list")
def list_bounces(
    context: typer.Context,
    *,
    state: Annotated[State | None, typer.Option(help="Only these; default: all but the audited.")] = None,
    sender: Annotated[str | None, typer.Option(help="A part of the sender.")] = None,
    recipient: Annotated[str | None, typer.Option(help="A part of the recipient.")] = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """List bounced entries, the latest first."""
    with transaction(load_settings(context.obj).database_url) as connection:
        entries = queue.list_entries(connection, state=state, sender=sender, recipient=recipient, limit=limit)
    if as_json:
        print_json(entries)
        return
    print_table(
        _LISTED,
        [
            (
                entry.entry_id,
                entry.state,
                entry.sender or "<>",
                entry.recipient,
                entry.smtp_status,
                entry.at,
                entry.detail,
            )
            for entry in entries
        ],
    )
    if len(entries) == limit:
        print(f"the first {limit}; --limit shows more")


@app.command("add")
def add(
    context: typer.Context,
    *,
    sender: Annotated[str, typer.Option(help="Reverse-path; empty for the null one.")],
    recipient: Annotated[list[str], typer.Option(help="Envelope recipient; several times for several.")],
    file: Annotated[Path, typer.Option(help="The message that bounced.")],
    diagnostic: Annotated[str | None, typer.Option(help="The last reply, or a local reason.")] = None,
    smtp_status: Annotated[int | None, typer.Option(min=0, max=599, help="Its reply code.")] = None,
    enhanced_status: Annotated[str | None, typer.Option(help="Its enhanced status code: 5.1.1.")] = None,
    remote_mta: Annotated[str | None, typer.Option(help="The server it came from.")] = None,
    envid: Annotated[str | None, typer.Option(help="ENVID of MAIL FROM, xtext.")] = None,
    ret: Annotated[Literal["FULL", "HDRS"] | None, typer.Option(help="RET of MAIL FROM.")] = None,
    orcpt: Annotated[
        list[str] | None, typer.Option(help="ORCPT of RCPT TO, as in rfc822;a@b; one for each recipient.")
    ] = None,
    notify: Annotated[str | None, typer.Option(help="NOTIFY of RCPT TO: NEVER, or FAILURE,DELAY.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a bounced message to the queue, to see what becomes of it."""
    recipients = _with_originals(recipient, orcpt or [])
    content = read_file(file)
    with transaction(load_settings(context.obj).database_url) as connection:
        added = queue.add(
            connection,
            content,
            sender="" if sender == "<>" else sender,
            recipients=recipients,
            failure=Failure(smtp_status, enhanced_status, diagnostic, remote_mta, notify),
            envelope_id=envid,
            ret=ret,
        )
    if as_json:
        print_json(added)
    else:
        print(f"message {added.message_id} with {_entries(added.entry_ids)} added")


@app.command("requeue")
def requeue(context: typer.Context, entries: EntryIds, *, as_json: AsJson = False) -> None:
    """Put entries from quarantine back into the queue; all of them or none."""
    with transaction(load_settings(context.obj).database_url) as connection:
        queue.requeue(connection, entries)
    _print_changed("requeued", entries, as_json=as_json)


@app.command("discard")
def discard(context: typer.Context, entries: EntryIds, *, as_json: AsJson = False) -> None:
    """Remove entries from queue or quarantine without telling anybody; all of them or none."""
    with transaction(load_settings(context.obj).database_url) as connection:
        queue.discard(connection, entries)
    _print_changed("discarded", entries, as_json=as_json)


@app.command("why")
def why(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="A sender's or a recipient's address.")],
    *,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """Tell why somebody did or did not get an NDR, the latest first."""
    settings = load_settings(context.obj)
    with transaction(settings.database_url) as connection:
        answers = explain(read_history(connection, address, limit), sink=settings.ndr.sink)
        near = None if answers else nearest_address(connection, address)
    if as_json:
        print_json({"address": address, "answers": answers, "nearest": near})
    elif answers:
        for answer in answers:
            print(f"{shown(answer.at)}  {shown(answer.text)}")
    else:
        print(
            f"nothing from or to {shown(address)} has bounced"
            + (f"; did you mean {shown(near)}?" if near else "")
        )


def _with_originals(recipients: list[str], originals: list[str]) -> list[BouncedRecipient]:
    if not originals:
        return [BouncedRecipient(recipient) for recipient in recipients]
    if len(originals) != len(recipients):
        raise typer.BadParameter(
            f"{len(originals)} for {len(recipients)} recipient(s); give one for each, in their order",
            param_hint="--orcpt",
        )
    return [BouncedRecipient(*pair) for pair in zip(recipients, originals, strict=True)]


def _entries(entry_ids: list[int] | tuple[int, ...]) -> str:
    return f"entr{'y' if len(entry_ids) == 1 else 'ies'} {', '.join(map(str, entry_ids))}"


def _print_changed(change: str, entry_ids: list[int], *, as_json: bool) -> None:
    if as_json:
        print_json({change: entry_ids})
    else:
        print(f"{_entries(entry_ids)} {change}")
