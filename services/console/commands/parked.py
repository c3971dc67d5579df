"""`mailroom parked`: messages that no worker could process."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from services.console.connection import transaction
from services.console.names import look_up
from services.console.output import AsJson, print_json, print_table
from services.console.parked import decisions, queue
from services.console.parked.message import ParkedMessage
from services.console.progress import progress_bar
from shared.broker import Topology
from shared.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="Messages that no worker could process.")

MessageIds = Annotated[
    list[str] | None, typer.Argument(metavar="MESSAGE...", help="Ids as `parked list` shows them.")
]
Everything = Annotated[bool, typer.Option("--all", help="Every parked message.")]
_LISTED = ("message_id", "type", "origin", "failure", "reason", "attempts", "last_failed_at")


@app.command("list")
def list_parked(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List parked messages with what happened to them."""
    settings = load_settings(context.obj)
    rows = [message.summary() for message in queue.list_parked(settings.amqp_url, Topology.of(settings))]
    if as_json:
        print_json(rows)
    else:
        print_table(_LISTED, [[row[name] for name in _LISTED] for row in rows])


@app.command("show")
def show(
    context: typer.Context,
    message_id: Annotated[str, typer.Argument(metavar="MESSAGE", help="Its id.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one parked message with its decoded body."""
    settings = load_settings(context.obj)
    parked = queue.list_parked(settings.amqp_url, Topology.of(settings))
    message = look_up("parked message", message_id, {each.message_id: each for each in parked})
    found = {**message.summary(), "body": message.content()}
    if as_json:
        print_json(found)
    else:
        print_table(("field", "value"), list(found.items()))


@app.command("replay")
def replay(
    context: typer.Context,
    message_ids: MessageIds = None,
    *,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Put messages back on the queues they came from, with their ids."""
    settings = load_settings(context.obj)
    wanted = _wanted(message_ids, everything=everything)
    with progress_bar("replaying", "messages") as progress:
        replayed = decisions.replay(settings, partial(transaction, settings.database_url), wanted, progress)
    _tell("replayed", replayed, as_json=as_json)


@app.command("discard")
def discard(
    context: typer.Context,
    message_ids: MessageIds = None,
    *,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    """Remove messages for good."""
    settings = load_settings(context.obj)
    wanted = _wanted(message_ids, everything=everything)
    with progress_bar("discarding", "messages") as progress:
        discarded = decisions.discard(settings, partial(transaction, settings.database_url), wanted, progress)
    _tell("discarded", discarded, as_json=as_json)


def _wanted(message_ids: list[str] | None, *, everything: bool) -> Sequence[str] | None:
    if bool(message_ids) == everything:
        raise typer.BadParameter("name messages, or say --all", param_hint="MESSAGE...")
    return None if everything else message_ids


def _tell(what: str, messages: Sequence[ParkedMessage], *, as_json: bool) -> None:
    if as_json:
        print_json({what: [message.message_id for message in messages]})
        return
    for message in messages:
        print(f"{what} {message.message_id} ({message.type} from {message.origin})")
